// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/engine.h"

#include <curl/curl.h>

#include <algorithm>
#include <exception>

#include "base/error.h"
#include "base/printable.h"
#include "base/scope.h"
#include "base/strings.h"
#include "worker/fetch/transfer.h"
#include "worker/fetch/url.h"

namespace rkt::fetch {
namespace {

using std::chrono::milliseconds;

// The variable that names the proxy which the library could not get through; "": it is no fault of a proxy.
std::string_view failed_proxy(CURLcode result, const Url& url, std::string_view why) {
  const char* const variable = url.tls() ? "https_proxy" : "http_proxy";
  if (env(variable).value_or("").empty()) return {};
  std::string_view host = url.authority;
  host = host.starts_with('[') ? host.substr(1, host.find(']') - 1) : host.substr(0, host.rfind(':'));
  const bool unreachable = result == CURLE_COULDNT_CONNECT && lower(why).find(cat(" ", host, " ")) == std::string::npos;
  const bool refused = why.find("CONNECT tunnel") != std::string_view::npos;
  return unreachable || refused || result == CURLE_COULDNT_RESOLVE_PROXY ? variable : std::string_view{};
}

bool is_busy(long status) noexcept { return status == 429 || (status >= 500 && status <= 599); }

// The connection was there and went away. What never was is not tried again.
bool was_lost(CURLcode result) noexcept {
  return result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR || result == CURLE_GOT_NOTHING ||
         result == CURLE_PARTIAL_FILE || result == CURLE_HTTP2 || result == CURLE_HTTP2_STREAM;
}

}  // namespace

Errc code_of_status(long status) noexcept {
  if (status == 404 || status == 410) return Errc::not_found;
  if (status == 401 || status == 403) return Errc::denied;
  return is_busy(status) ? Errc::busy : Errc::unsupported;
}

void throw_status(const Head& head) {
  Error refused(code_of_status(head.status),
                cat("bad HTTP status code: ", head.status, ", URL: ", shown_url(head.url)));
  if (head.status == 401 && !parse_url(head.url).tls() && without_user_info(head.url) != head.url)
    refused.hint("passwords are not sent over http");
  throw refused;
}

// Keeps connections open from one call to the next.
struct Engine::Multi {
  Owned<CURLM, &curl_multi_cleanup> handle{curl_multi_init()};
};

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
    (*it)->prepare(engine.session_, engine.authorities_for((*it)->url));
    if (curl_multi_add_handle(multi, (*it)->easy.get()) != CURLM_OK) throw Error(Errc::system, "start a transfer");
    running.push_back(std::move(*it));
    it = waiting.erase(it);
  }
}

std::unique_ptr<Transfer> Engine::Batch::take(Transfer& transfer) {
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
    const Error silence(Errc::network, cat(shown_url(t->url), ": nothing came for ", seconds, " s"));
    if (!t->plan_retry()) ask_elsewhere(*t, silence);
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
    if (const auto proxy = failed_proxy(result, parse_url(t.url), text); !proxy.empty())
      reason.hint(cat("that is the proxy of ", proxy, "; what no_proxy names is asked without it"));
    if (result == CURLE_SSL_CONNECT_ERROR)
      reason.hint("a registry or discovery that speaks plain http needs --insecure-options=http");
    if (result == CURLE_PEER_FAILED_VERIFICATION) {
      reason = Error(Errc::untrusted, reason.cause());
      reason.hint("SSL_CERT_FILE and certs.d name more authorities");
    }
    if (!was_lost(result)) throw Error(reason);
    if (!t.plan_retry()) throw Error(reason);
  } else if (t.is_redirected()) {
    t.follow();
  } else if (!is_busy(t.head.status) || !t.plan_retry()) {
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

Authorities& Engine::authorities_for(const std::string& url) {
  const Access& access = session_.access(parse_url(url).authority);
  const std::string& pem = access.certificates.empty() ? session_.options().certificates : access.certificates;
  auto& known = authorities_[pem];
  if (!known) known = std::make_unique<Authorities>(pem);
  return *known;
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
