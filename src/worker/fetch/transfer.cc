// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/transfer.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "worker/fetch/aws.h"

namespace rkt::fetch {
namespace {

using std::chrono::milliseconds;

constexpr int kMaxRedirects = 10;
constexpr std::uint64_t kProgress = std::uint64_t{1} << 20;  // so much further, and earlier failures are forgotten
constexpr long kReceiveBuffer = 256L << 10;
constexpr std::chrono::seconds kMaxRetryAfter{30};
constexpr milliseconds kFirstBackoff{500};
constexpr std::size_t kMaxRefusal = std::size_t{16} << 10;
constexpr std::size_t kMaxUnwanted = std::size_t{64} << 10;  // of an answer nobody reads: more ends the connection

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

// Between half and one and a half of it, so that clients that failed together do not come back together.
milliseconds jittered(milliseconds pause) {
  std::array<std::uint8_t, 2> random{};
  fill_random(random);
  return pause / 2 + pause * (random[0] << 8 | random[1]) / 65536;
}

}  // namespace

void Transfer::prepare(const Session& session, Authorities& authorities) {
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

  // The library would send user and password of the URL in clear.
  set(easy, CURLOPT_URL, (place.tls() ? url : without_user_info(url)).c_str());
  const std::string spared = env("no_proxy").value_or("");
  set(easy, CURLOPT_NOPROXY, spares(spared, place) ? "*" : spared_by_library(spared).c_str());
  set_up_body();
  set(easy, CURLOPT_HTTPHEADER, lines.get());
  set(easy, CURLOPT_USERAGENT, "rkt/" RKT_VERSION);
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  set(easy, CURLOPT_CONNECTTIMEOUT, static_cast<long>(get->connect_timeout.count()));
  set_up_tls(session.options().insecure_tls, session.access(place.authority), authorities);
  set(easy, CURLOPT_ERRORBUFFER, &why[0]);
  set(easy, CURLOPT_HEADERFUNCTION, &on_header);
  set(easy, CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(easy, CURLOPT_WRITEFUNCTION, &on_bytes);
  set(easy, CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(easy, CURLOPT_PRIVATE, static_cast<void*>(this));
}

void Transfer::set_up_body() {
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
void Transfer::set_up_tls(bool insecure, const Access& access, Authorities& authorities) {
  const bool unchecked = insecure || access.insecure;
  set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy, CURLOPT_SSL_VERIFYPEER, unchecked ? 0L : 1L);
  set(easy, CURLOPT_SSL_VERIFYHOST, unchecked ? 0L : 2L);
  if (!unchecked) authorities.use_for(easy.get());
  if (access.client.empty()) return;
  const auto blob = [&](CURLoption option, std::string pem) {
    curl_blob copied{pem.data(), pem.size(), CURL_BLOB_COPY};
    set(easy, option, &copied);
  };
  blob(CURLOPT_SSLCERT_BLOB, access.client);
  blob(CURLOPT_SSLKEY_BLOB, access.client_key);
}

// The empty line after a head; trailers after a body come here, too, and no longer count.
void Transfer::finish_head() {
  if (head.status < 200) return;
  head_complete = true;
  if (head.status != 200 && head.status != 206) return;
  const auto range = head.status == 206 ? parse_content_range(head.field("content-range")) : std::nullopt;
  position = range ? range->first : 0;
  wanted = get->receiver->begin(head);
  declined = !wanted;
}

std::size_t Transfer::on_header(const char* data, std::size_t size, std::size_t count, void* self) noexcept {
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

std::size_t Transfer::on_bytes(const char* data, std::size_t size, std::size_t count, void* self) noexcept {
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

std::size_t Transfer::on_read(char* buffer, std::size_t size, std::size_t count, void* self) noexcept {
  auto& t = *static_cast<Transfer*>(self);
  t.heard = Clock::now();  // the peer takes what it is sent
  for (;;) {
    const ssize_t n = ::pread(t.get->file, buffer, size * count, static_cast<off_t>(t.sent));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      t.failure = std::make_exception_ptr(Error::from_errno("read what is to be sent"));
      return CURL_READFUNC_ABORT;
    }
    t.sent += static_cast<std::uint64_t>(n);
    return static_cast<std::size_t>(n);
  }
}

int Transfer::on_seek(void* self, curl_off_t offset, int origin) noexcept {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Transfer*>(self)->sent = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

void Transfer::follow() {
  if (++redirects > kMaxRedirects) throw Error(Errc::network, cat(shown_url(get->url), ": too many redirects"));
  const char* next = nullptr;
  if (curl_easy_getinfo(easy.get(), CURLINFO_REDIRECT_URL, &next) != CURLE_OK || next == nullptr)
    throw Error(Errc::network, cat(shown_url(url), ": redirect to a place that cannot be read"));
  const std::string target = next;
  if (get->only_tls && parse_url(url).tls() && !parse_url(target).tls())
    throw Error(Errc::denied, cat(shown_url(url), ": redirect from https to ", shown_url(target)));
  url = target;
}

// Back to the start of the redirects after a pause. False: that was tried often enough.
bool Transfer::plan_retry() {
  furthest = std::max(furthest, position);
  if (furthest >= furthest_at_loss + kProgress) retries = 0;
  furthest_at_loss = furthest;
  if (retries >= get->retries) return false;
  milliseconds pause = jittered(kFirstBackoff * (1 << retries++));
  if (const auto asked = parse_retry_after(head.field("retry-after"), kMaxRetryAfter, ::time(nullptr))) pause = *asked;
  due = Clock::now() + pause;
  restart();
  return true;
}

// Whether the answer says to look elsewhere, for a request that may.
bool Transfer::is_redirected() const {
  const bool status =
      head.status == 301 || head.status == 302 || head.status == 303 || head.status == 307 || head.status == 308;
  return status && !head.field("location").empty() && get->form.empty() &&
         (get->method.empty() || get->method == "HEAD");
}

}  // namespace rkt::fetch
