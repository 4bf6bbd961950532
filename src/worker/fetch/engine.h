// SPDX-License-Identifier: Apache-2.0
// Requests over libcurl, a few at once: redirects are followed here, by hand, so that it is this code that decides
// who sees an Authorization; 429, 5xx and lost connections are tried again after a while, and a connection on which
// nothing comes for long counts as lost. However slow it is, what comes is taken.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "worker/fetch/authorities.h"
#include "worker/fetch/fields.h"
#include "worker/fetch/session.h"

namespace rkt::fetch {

/// What a GET is for.
class Receiver {
 public:
  virtual ~Receiver() = default;
  /// Header lines of the next attempt ("Range: bytes=5-").
  virtual std::vector<std::string> headers() = 0;
  /// A 200 or 206 answer begins. false: its bytes are not wanted, and the attempt ends here. May throw.
  virtual bool begin(const Head& head) = 0;
  /// May throw: the transfer stops and everything with it.
  virtual void bytes(std::string_view data) = 0;
};

struct Get {
  std::string url;
  std::string authorization;    ///< for the origin of `url` alone; the caller decides whether http may see it
  const AwsKey* aws = nullptr;  ///< borrowed; signs each request to the origin of `url` instead
  std::string form;             ///< not empty: a POST of these form fields; redirects of it are not followed
  std::string method;           ///< HEAD, POST or PUT; "": GET. Redirects of POST and PUT are not followed
  std::string body;             ///< of a POST or PUT
  int file = -1;                ///< borrowed; its content from the start is the body of a PUT instead
  std::uint64_t file_size = 0;
  Receiver* receiver = nullptr;  ///< borrowed
  bool only_tls = false;         ///< a redirect from https to http is refused
  int retries = 3;
  std::chrono::seconds connect_timeout{30};
  /// Told of what would be thrown for this Get. true: it was changed, and is asked for again instead.
  std::function<bool(const Error&)> failed;
};

struct Transfer;

class Engine {
 public:
  explicit Engine(Session& session);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  enum class Next { finished, again };
  /// Runs all, at most `parallel` at a time. `done(i, head)` looks at the last answer of gets[i] (any status but a
  /// followed redirect), and may change gets[i] and ask for it again. Throws Errc::network when no answer can be had,
  /// and whatever a receiver or `done` throws; the other transfers end then, too. `done` may call run(): the others
  /// wait meanwhile.
  void run(std::span<Get> gets, std::size_t parallel, const std::function<Next(std::size_t, const Head&)>& done);
  /// One of them; its last answer.
  Head run(Get get);

 private:
  struct Batch;
  struct Multi;
  Authorities& authorities_for(const std::string& url);
  Session& session_;
  std::map<std::string, std::unique_ptr<Authorities>> authorities_;  ///< by PEM; "": the system's
  std::vector<std::unique_ptr<Multi>> idle_;  ///< handles with open connections that no call uses
};

/// What a status that is no success means: not_found, denied, busy (it may be another next time) or unsupported (the
/// server does not do that). Errc::network is none of them: there was no answer at all.
Errc code_of_status(long status) noexcept;

/// Throws "bad HTTP status code: N, URL: U".
[[noreturn]] void throw_status(const Head& head);

}  // namespace rkt::fetch
