// SPDX-License-Identifier: Apache-2.0
// HTTP on a listening socket (libmicrohttpd), without threads: poll fd(), then call run().
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sys/fd.h"
#include "worker/metadata/api.h"

namespace rkt::metadata {

struct ServerOptions {
  std::size_t body_limit = 0;  ///< of PUT and of forms; above: 413
  /// One line a request, on stderr: how its path is shown.
  std::function<std::string(std::string_view path)> shown_path;
  /// `peer`: the source address, or "" (unix). Whatever it throws becomes a 500.
  std::function<Reply(const Request& request, const std::string& peer)> answer;
};

class Server {
 public:
  Server(UniqueFd listener, ServerOptions options);  ///< throws when the library refuses the socket
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int fd() const noexcept;  ///< readable: there is something to do
  int timeout_ms() const;   ///< after which run() is to be called anyway; -1: never
  void run();               ///< does what there is to do; never blocks

 private:
  struct Library;
  std::unique_ptr<Library> library_;
};

}  // namespace rkt::metadata
