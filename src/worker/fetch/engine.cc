// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/engine.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "sys/file.h"
#include "worker/fetch/aws.h"
#include "worker/fetch/protocol.h"
#include "worker/fetch/url.h"

namespace rkt::fetch {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kMaxRedirects = 10;
constexpr std::uint64_t kProgress = std::uint64_t{1} << 20;  // so much further, and earlier failures are forgotten
constexpr long kReceiveBuffer = 256L << 10;
constexpr std::chrono::seconds kMaxRetryAfter{30};
constexpr milliseconds kFirstBackoff{500};
constexpr std::size_t kMaxRefusal = std::size_t{16} << 10;
constexpr std::size_t kMaxUnwanted = std::size_t{64} << 10;  // of an answer nobody reads: more ends the connection

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};
using Easy = std::unique_ptr<CURL, Freer<&curl_easy_cleanup>>;
using Lines = std::unique_ptr<curl_slist, Freer<&curl_slist_free_all>>;

template <class T>
void set(const Easy& easy, CURLoption option, T value) {
  if (const CURLcode r = curl_easy_setopt(easy.get(), option, value); r != CURLE_OK)
    throw Error(Errc::system, cat("set up a transfer: ", curl_easy_strerror(r)));
}

void add_header(Lines& lines, const std::string& line) {
  curl_slist* longer = curl_slist_append(lines.get(), line.c_str());
  if (longer == nullptr) throw Error(Errc::system, "out of memory");
  (void)lines.release();
  lines.reset(longer);
}

bool is_redirect(const Head& head) {
  const bool status =
      head.status == 301 || head.status == 302 || head.status == 303 || head.status == 307 || head.status == 308;
  return status && !head.field("location").empty();
}

bool is_busy(long status) noexcept { return status == 429 || (status >= 500 && status <= 599); }

// The connection was there and went away. What never was is not tried again.
bool was_lost(CURLcode result) noexcept {
  return result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR || result == CURLE_GOT_NOTHING ||
         result == CURLE_PARTIAL_FILE || result == CURLE_HTTP2 || result == CURLE_HTTP2_STREAM;
}

// Between half and one and a half of it, so that clients that failed together do not come back together.
milliseconds jittered(milliseconds pause) {
  std::array<std::uint8_t, 2> random{};
  fill_random(random);
  return pause / 2 + pause * (random[0] << 8 | random[1]) / 65536;
}

}  // namespace

Errc code_of_status(long status) noexcept {
  if (status == 404 || status == 410) return Errc::not_found;
  if (status == 401 || status == 403) return Errc::denied;
  return is_busy(status) ? Errc::busy : Errc::unsupported;
}

void throw_status(const Head& head) {
  throw Error(code_of_status(head.status), cat("bad HTTP status code: ", head.status, ", URL: ", shown_url(head.url)));
}

std::string system_certificates() {
  const curl_version_info_data* info = curl_version_info(CURLVERSION_NOW);
  if (info->age < CURLVERSION_SEVENTH || info->cainfo == nullptr) return {};
  try {
    return read_file(info->cainfo, kMaxCertificates);
  } catch (const Error& e) {
    if (e.code() == Errc::not_found) return {};
    throw;
  }
}

// Keeps connections open from one call to the next.
struct Engine::Multi {
  std::unique_ptr<CURLM, Freer<&curl_multi_cleanup>> handle{curl_multi_init()};
};

// One Get through its attempts: each is a fresh handle, connections live in the multi handle.
struct Engine::Transfer {
  Get* get = nullptr;
  std::size_t index = 0;

  std::string url;  // of this attempt
  int redirects = 0, retries = 0;
  bool all_tls = true;
  Clock::time_point due{};    // not before
  Clock::time_point heard{};  // the last sign of life
  // Offsets in what is fetched, over all attempts: where this one is, the furthest, and that of the last failure.
  std::uint64_t position = 0, furthest = 0, furthest_at_loss = 0;
  std::uint64_t sent = 0;  // of get->file

  Easy easy;
  Lines lines;
  char why[CURL_ERROR_SIZE] = "";
  Head head;
  bool head_complete = false, wanted = false, declined = false;
  std::size_t unwanted = 0;
  std::exception_ptr failure;  // what a callback threw: it must not cross the library

  Transfer(Get& g, std::size_t i) : get(&g), index(i) { restart(); }

  void restart() {
    url = get->url;
    redirects = 0;
    all_tls = true;
  }
  bool same_origin() const { return parse_url(url).origin() == parse_url(get->url).origin(); }

  void prepare(const Session& session);
  void set_up_body();
  void set_up_tls(const Options& options, const Access& access);
  void finish_head();
  void follow();
  void wait(const Error& reason);
  static std::size_t on_header(const char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t on_bytes(const char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* self) noexcept;
  static int on_seek(void* self, curl_off_t offset, int origin) noexcept;
};

void Engine::Transfer::prepare(const Session& session) {
  const Url place = parse_url(url);
  all_tls = all_tls && place.tls();
  easy.reset(curl_easy_init());
  if (!easy) throw Error(Errc::system, "set up a transfer");
  head = {.status = 0, .url = url, .over_tls = all_tls, .fields = {}};
  head_complete = wanted = declined = false;
  unwanted = 0;
  why[0] = '\0';
  heard = Clock::now();
  lines.reset();
  add_header(lines, "Accept-Encoding: identity");
  const auto fields = get->receiver->headers();
  for (const auto& line : fields) add_header(lines, line);
  if (same_origin()) {
    if (get->aws != nullptr)
      for (const auto& line : aws_headers(*get->aws, url, fields, std::chrono::system_clock::now()))
        add_header(lines, line);
    else if (!get->authorization.empty())
      add_header(lines, cat("Authorization: ", get->authorization));
  }

  set(easy, CURLOPT_URL, url.c_str());
  if (spares_port(env("no_proxy").value_or(""), place)) set(easy, CURLOPT_NOPROXY, "*");
  set_up_body();
  set(easy, CURLOPT_HTTPHEADER, lines.get());
  set(easy, CURLOPT_USERAGENT, "rkt/" RKT_VERSION);
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  set(easy, CURLOPT_CONNECTTIMEOUT, static_cast<long>(get->connect_timeout.count()));
  set_up_tls(session.options(), session.access(place.authority));
  set(easy, CURLOPT_ERRORBUFFER, &why[0]);
  set(easy, CURLOPT_HEADERFUNCTION, &on_header);
  set(easy, CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(easy, CURLOPT_WRITEFUNCTION, &on_bytes);
  set(easy, CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(easy, CURLOPT_PRIVATE, static_cast<void*>(this));
}

void Engine::Transfer::set_up_body() {
  const std::string& body = get->form.empty() ? get->body : get->form;
  if (get->method == "HEAD") {
    set(easy, CURLOPT_NOBODY, 1L);
  } else if (get->file >= 0) {
    sent = 0;
    set(easy, CURLOPT_UPLOAD, 1L);
    set(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(get->file_size));
    set(easy, CURLOPT_READFUNCTION, &on_read);
    set(easy, CURLOPT_READDATA, static_cast<void*>(this));
    set(easy, CURLOPT_SEEKFUNCTION, &on_seek);
    set(easy, CURLOPT_SEEKDATA, static_cast<void*>(this));
  } else if (!get->form.empty() || !get->method.empty()) {
    if (!get->method.empty()) set(easy, CURLOPT_CUSTOMREQUEST, get->method.c_str());
    set(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    set(easy, CURLOPT_POSTFIELDS, body.c_str());  // borrowed by the library
  }
}

// By the host of this very request: what holds for a registry does not hold where it redirects to.
void Engine::Transfer::set_up_tls(const Options& options, const Access& access) {
  const bool unchecked = options.insecure_tls || access.insecure;
  set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy, CURLOPT_SSL_VERIFYPEER, unchecked ? 0L : 1L);
  set(easy, CURLOPT_SSL_VERIFYHOST, unchecked ? 0L : 2L);
  const auto blob = [&](CURLoption option, std::string pem) {
    curl_blob copied{pem.data(), pem.size(), CURL_BLOB_COPY};
    set(easy, option, &copied);
  };
  const std::string& trusted = access.certificates.empty() ? options.certificates : access.certificates;
  if (!trusted.empty()) {
    blob(CURLOPT_CAINFO_BLOB, trusted);
    set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  if (access.client.empty()) return;
  blob(CURLOPT_SSLCERT_BLOB, access.client);
  blob(CURLOPT_SSLKEY_BLOB, access.client_key);
}

// The empty line after a head; trailers after a body come here, too, and no longer count.
void Engine::Transfer::finish_head() {
  if (head.status < 200) return;
  head_complete = true;
  if (head.status != 200 && head.status != 206) return;
  const auto range = head.status == 206 ? parse_content_range(head.field("content-range")) : std::nullopt;
  position = range ? range->first : 0;
  wanted = get->receiver->begin(head);
  declined = !wanted;
}

std::size_t Engine::Transfer::on_header(const char* data, std::size_t size, std::size_t count, void* self) noexcept {
  auto& t = *static_cast<Transfer*>(self);
  const std::string_view line(data, size * count);
  t.heard = Clock::now();
  try {
    if (t.head_complete) return line.size();
    if (!trim(line).empty())
      add_line(t.head, line);
    else
      t.finish_head();
    return t.declined ? 0 : line.size();
  } catch (...) {
    t.failure = std::current_exception();
    return 0;
  }
}

std::size_t Engine::Transfer::on_bytes(const char* data, std::size_t size, std::size_t count, void* self) noexcept {
  auto& t = *static_cast<Transfer*>(self);
  const std::string_view bytes(data, size * count);
  t.heard = Clock::now();
  try {
    if (t.wanted) {
      t.position += bytes.size();
      t.get->receiver->bytes(bytes);
      return bytes.size();
    }
    t.unwanted += bytes.size();
    t.head.refusal += bytes.substr(0, kMaxRefusal - t.head.refusal.size());
    t.declined = t.unwanted > kMaxUnwanted;
    return t.declined ? 0 : bytes.size();
  } catch (...) {
    t.failure = std::current_exception();
    return 0;
  }
}

std::size_t Engine::Transfer::on_read(char* buffer, std::size_t size, std::size_t count, void* self) noexcept {
  auto& t = *static_cast<Transfer*>(self);
  t.heard = Clock::now();  // the peer takes what it is sent
  for (;;) {
    const ssize_t n = ::pread(t.get->file, buffer, size * count, static_cast<off_t>(t.sent));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return CURL_READFUNC_ABORT;
    t.sent += static_cast<std::uint64_t>(n);
    return static_cast<std::size_t>(n);
  }
}

int Engine::Transfer::on_seek(void* self, curl_off_t offset, int origin) noexcept {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Transfer*>(self)->sent = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

void Engine::Transfer::follow() {
  if (++redirects > kMaxRedirects) throw Error(Errc::network, cat(shown_url(get->url), ": too many redirects"));
  const char* next = nullptr;
  if (curl_easy_getinfo(easy.get(), CURLINFO_REDIRECT_URL, &next) != CURLE_OK || next == nullptr)
    throw Error(Errc::network, cat(shown_url(url), ": redirect to a place that cannot be read"));
  const std::string target = next;
  if (get->only_tls && parse_url(url).tls() && !parse_url(target).tls())
    throw Error(Errc::denied, cat(shown_url(url), ": redirect from https to ", shown_url(target)));
  url = target;
}

// Back to the start of the redirects after a pause, or `reason` when that was tried often enough.
void Engine::Transfer::wait(const Error& reason) {
  furthest = std::max(furthest, position);
  if (furthest >= furthest_at_loss + kProgress) retries = 0;
  furthest_at_loss = furthest;
  if (retries >= get->retries) throw Error(reason);
  milliseconds pause = jittered(kFirstBackoff * (1 << retries++));
  if (const auto asked = parse_retry_after(head.field("retry-after"), kMaxRetryAfter)) pause = *asked;
  due = Clock::now() + pause;
  restart();
}

// The transfers of one call.
struct Engine::Batch {
  Engine& engine;
  CURLM* multi;
  const std::function<Next(std::size_t, const Head&)>& done;
  std::vector<std::unique_ptr<Transfer>> waiting, running;

  ~Batch() {
    for (const auto& t : running) curl_multi_remove_handle(multi, t->easy.get());
  }
  void run(std::span<Get> gets, std::size_t parallel);
  void start_due(std::size_t parallel);
  std::unique_ptr<Transfer> take(Transfer& transfer);
  void finish(Transfer& transfer, CURLcode result);
  Next conclude(Transfer& t, CURLcode result);
  static void ask_elsewhere(Transfer& t, const Error& why);
  void give_up_stalled();
  void wait_for_something(std::size_t parallel);
};

void Engine::Batch::start_due(std::size_t parallel) {
  for (auto it = waiting.begin(); it != waiting.end() && running.size() < parallel;) {
    if ((*it)->due > Clock::now()) {
      ++it;
      continue;
    }
    (*it)->prepare(engine.session_);
    if (curl_multi_add_handle(multi, (*it)->easy.get()) != CURLM_OK) throw Error(Errc::system, "start a transfer");
    running.push_back(std::move(*it));
    it = waiting.erase(it);
  }
}

std::unique_ptr<Engine::Transfer> Engine::Batch::take(Transfer& transfer) {
  curl_multi_remove_handle(multi, transfer.easy.get());
  const auto at = std::find_if(running.begin(), running.end(), [&](const auto& t) { return t.get() == &transfer; });
  auto owned = std::move(*at);
  running.erase(at);
  return owned;
}

// Not the library's own limit of speed: that counts whole bytes a second, and gives up a peer that is slow but alive.
void Engine::Batch::give_up_stalled() {
  const auto stall = engine.session_.options().stall;
  std::vector<Transfer*> silent;
  for (const auto& t : running)
    if (Clock::now() - t->heard > stall) silent.push_back(t.get());
  for (Transfer* t : silent) {
    auto owned = take(*t);
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(stall).count();
    try {
      t->wait(Error(Errc::network, cat(shown_url(t->url), ": nothing came for ", seconds, " s")));
    } catch (const Error& e) {
      ask_elsewhere(*t, e);
    }
    waiting.push_back(std::move(owned));
  }
}

// Throws `why` when there is no other place.
void Engine::Batch::ask_elsewhere(Transfer& t, const Error& why) {
  if (!t.get->failed || !t.get->failed(why)) throw Error(why);
  t.failure = nullptr;
  t.retries = 0;
  t.due = {};
  t.restart();
}

void Engine::Batch::finish(Transfer& transfer, CURLcode result) {
  auto owned = take(transfer);
  try {
    if (conclude(*owned, result) == Next::finished) return;
  } catch (const Error& e) {
    ask_elsewhere(*owned, e);
  }
  waiting.push_back(std::move(owned));
}

Engine::Next Engine::Batch::conclude(Transfer& t, CURLcode result) {
  if (t.failure) std::rethrow_exception(t.failure);
  t.due = {};
  if (result != CURLE_OK && !t.declined) {
    const std::string text = t.why[0] != '\0' ? std::string(t.why) : std::string(curl_easy_strerror(result));
    Error reason(Errc::network, cat(shown_url(t.url), ": ", printable(text)));
    if (result == CURLE_SSL_CONNECT_ERROR)
      reason.hint("a registry or discovery that speaks plain http needs --insecure-options=http");
    if (result == CURLE_PEER_FAILED_VERIFICATION) {
      reason = Error(Errc::untrusted, reason.cause());
      reason.hint("SSL_CERT_FILE and certs.d name more authorities");
    }
    if (!was_lost(result)) throw Error(reason);
    t.wait(reason);
  } else if (is_redirect(t.head) && t.get->form.empty() && (t.get->method.empty() || t.get->method == "HEAD")) {
    t.follow();
  } else if (is_busy(t.head.status) && t.retries < t.get->retries) {
    t.wait(Error(Errc::bug, "a retry too many"));
  } else {
    if (done(t.index, t.head) == Next::finished) return Next::finished;
    t.restart();
  }
  return Next::again;
}

void Engine::Batch::wait_for_something(std::size_t parallel) {
  milliseconds timeout = std::min(milliseconds{1000}, engine.session_.options().stall);
  if (running.size() < parallel)
    for (const auto& t : waiting)
      timeout = std::min(timeout, std::chrono::ceil<milliseconds>(std::max(t->due - Clock::now(), Clock::duration{})));
  curl_waitfd peer{engine.session_.channel().fd(), CURL_WAIT_POLLIN, 0};
  if (curl_multi_poll(multi, &peer, 1, static_cast<int>(timeout.count()), nullptr) != CURLM_OK)
    throw Error(Errc::system, "wait for a transfer");
  // rkt has nothing to say while a request runs: it hung up, or is out of step.
  if (peer.revents != 0) throw Error(Errc::bug, "rkt has gone away");
}

Engine::Engine(Session& session) : session_(session) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw Error(Errc::system, "initialise libcurl");
}

Engine::~Engine() {
  idle_.clear();
  curl_global_cleanup();
}

void Engine::run(std::span<Get> gets, std::size_t parallel, const std::function<Next(std::size_t, const Head&)>& done) {
  // A call from inside `done` must not see the transfers of the call it came from: it takes another handle.
  if (idle_.empty()) idle_.push_back(std::make_unique<Multi>());
  auto multi = std::move(idle_.back());
  idle_.pop_back();
  if (!multi->handle) throw Error(Errc::system, "set up transfers");
  {
    Batch batch{.engine = *this, .multi = multi->handle.get(), .done = done, .waiting = {}, .running = {}};
    batch.run(gets, parallel);
  }
  idle_.push_back(std::move(multi));
}

void Engine::Batch::run(std::span<Get> gets, std::size_t parallel) {
  for (std::size_t i = 0; i < gets.size(); ++i) {
    (void)parse_url(gets[i].url);
    waiting.push_back(std::make_unique<Transfer>(gets[i], i));
  }
  while (!waiting.empty() || !running.empty()) {
    start_due(parallel);
    int active = 0, left = 0;
    if (curl_multi_perform(multi, &active) != CURLM_OK) throw Error(Errc::system, "run transfers");
    give_up_stalled();
    bool any = false;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      void* self = nullptr;
      const CURLcode result = message->data.result;  // `message` goes with the handle
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &self);
      finish(*static_cast<Transfer*>(self), result);
      any = true;
    }
    if (!any && (!waiting.empty() || !running.empty())) wait_for_something(parallel);
  }
}

Head Engine::run(Get get) {
  Head last;
  run(std::span<Get>(&get, 1), 1, [&](std::size_t, const Head& head) {
    last = head;
    return Next::finished;
  });
  return last;
}

}  // namespace rkt::fetch
