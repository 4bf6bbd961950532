// SPDX-License-Identifier: Apache-2.0
// For tests: an HTTP server on loopback, one request a connection, whose answers are a function of the request; and a
// Session with options that a test chose.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/strings.h"
#include "sys/channel.h"
#include "sys/file.h"
#include "worker/fetch/session.h"

namespace rkt::fetch {

class TestServer {
 public:
  /// From the request's head to the whole answer. kSilence: none, until the client goes away.
  static constexpr std::string_view kSilence = "silence";
  using Answer = std::function<std::string(const std::string& request)>;

  explicit TestServer(Answer answer)
      : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), any, size) < 0 || ::listen(listener_.get(), 16) < 0 ||
        ::getsockname(listener_.get(), any, &size) < 0)
      throw Error::from_errno("listen on loopback");
    host_ = cat("127.0.0.1:", ntohs(address.sin_port));
    thread_ = std::thread([this] { run(); });
  }
  ~TestServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  TestServer(TestServer&&) = delete;

  const std::string& host() const { return host_; }
  std::vector<std::string> requests() {
    const std::lock_guard guard(mutex_);
    return requests_;
  }

  static std::string reply(std::string_view status, std::string_view fields, std::string_view body) {
    return cat("HTTP/1.1 ", status, "\r\nConnection: close\r\n", fields, "Content-Length: ", body.size(), "\r\n\r\n",
               body);
  }

 private:
  void run() {
    for (;;) {
      const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) return;
      std::string request(16384, '\0');
      std::size_t size = 0;
      while (request.substr(0, size).find("\r\n\r\n") == std::string::npos) {
        const ssize_t n = ::recv(peer.get(), request.data() + size, request.size() - size, 0);
        if (n <= 0) break;
        size += static_cast<std::size_t>(n);
        if (request[0] == 0x16) break;  // TLS: not spoken here
      }
      request.resize(size);
      if (!request.starts_with("GET ") && !request.starts_with("POST ")) continue;
      {
        const std::lock_guard guard(mutex_);
        requests_.push_back(request);
      }
      const std::string answer = answer_(request);
      if (answer == kSilence) {
        char drain[256];
        while (::recv(peer.get(), drain, sizeof drain, 0) > 0) {
        }
        continue;
      }
      for (std::size_t at = 0; at < answer.size();) {
        const ssize_t n = ::send(peer.get(), answer.data() + at, answer.size() - at, MSG_NOSIGNAL);
        if (n <= 0) break;
        at += static_cast<std::size_t>(n);
      }
    }
  }

  Answer answer_;
  UniqueFd listener_;
  std::string host_;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

/// The worker's session, and rkt's end of its channel.
struct TestSession {
  std::pair<Channel, Channel> ends = Channel::make_pair();
  Session session;

  explicit TestSession(const std::string& options)
      : session((ends.first.send(R"({"op":"options"})", {memory_file("options", options).get()}),
                 std::move(ends.second))) {}
};

}  // namespace rkt::fetch
