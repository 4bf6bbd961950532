// SPDX-License-Identifier: Apache-2.0
#include "worker/metadata/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"

namespace rkt::metadata {
namespace {

constexpr unsigned kConnections = 512, kConnectionsOfOne = 64, kIdleSeconds = 10;
constexpr std::size_t kPostBuffer = 4096, kShown = 256;

using Values = std::map<std::string, std::string, std::less<>>;

// One request, from its first header to its end.
struct Exchange {
  Request request;
  std::size_t taken = 0;
  bool too_large = false, bad_form = false;
  MHD_PostProcessor* post = nullptr;
};

MHD_Result take_query(void* values, MHD_ValueKind, const char* key, const char* value) {
  static_cast<Values*>(values)->insert_or_assign(key, value != nullptr ? value : "");
  return MHD_YES;
}

MHD_Result take_field(void* values, MHD_ValueKind, const char* key, const char*, const char*, const char*,
                      const char* data, std::uint64_t, std::size_t size) {
  if (key != nullptr) (*static_cast<Values*>(values))[key].append(data, size);  // a long value comes in pieces
  return MHD_YES;
}

std::string peer_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info == nullptr || info->client_addr == nullptr || info->client_addr->sa_family != AF_INET) return "";
  char text[INET_ADDRSTRLEN] = "";
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(info->client_addr);
  return ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text) != nullptr ? text : "";
}

void take_body(Exchange& x, std::size_t limit, const char* data, std::size_t size) {
  x.taken += size;
  if (x.taken > limit) x.too_large = true;
  if (x.too_large) return;
  if (x.post == nullptr)
    x.request.body.append(data, size);
  else if (MHD_post_process(x.post, data, size) != MHD_YES)
    x.bad_form = true;
}

MHD_Result send(MHD_Connection* connection, Reply reply) {
  MHD_Response* response = MHD_create_response_from_buffer(reply.body.size(), reply.body.data(), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, "Content-Type", reply.json ? "application/json" : "text/plain; charset=us-ascii");
  MHD_add_response_header(response, "Metadata-Flavor", "AppContainer");
  const MHD_Result r = MHD_queue_response(connection, reply.status, response);
  MHD_destroy_response(response);
  return r;
}

Reply reply_to(const ServerOptions& options, const Exchange& x, const std::string& peer) {
  if (x.too_large) return {.status = 413, .body = cat("more than ", options.body_limit, " bytes\n")};
  if (x.bad_form) return {.status = 400, .body = "form cannot be read\n"};
  try {
    return options.answer(x.request, peer);
  } catch (const std::exception& e) {
    log::note("metadata-service", e.what());
    return {.status = 500, .body = "internal error\n"};
  }
}

// The library calls this for the headers, for each piece of the body, and, with no piece, at the end.
MHD_Result handle(void* context, MHD_Connection* connection, const char* url, const char* method, const char*,
                  const char* data, std::size_t* size, void** state) try {
  const auto& options = *static_cast<const ServerOptions*>(context);
  if (*state == nullptr) {
    auto x = std::make_unique<Exchange>();
    x->request.method = method;
    x->request.path = url;
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_query, &x->request.query);
    if (x->request.method == "POST")
      x->post = MHD_create_post_processor(connection, kPostBuffer, take_field, &x->request.form);
    *state = x.release();
    return MHD_YES;
  }
  auto& x = *static_cast<Exchange*>(*state);
  if (*size > 0) {
    take_body(x, options.body_limit, data, *size);
    *size = 0;
    return MHD_YES;
  }
  if (x.post != nullptr && MHD_destroy_post_processor(std::exchange(x.post, nullptr)) != MHD_YES) x.bad_form = true;
  Reply reply = reply_to(options, x, peer_of(connection));
  log::note("metadata-service", cat(printable(x.request.method, kShown), " ",
                                    printable(options.shown_path(x.request.path), kShown), " - ", reply.status));
  return send(connection, std::move(reply));
} catch (...) {  // the caller is C
  return MHD_NO;
}

void finish(void*, MHD_Connection*, void** state, MHD_RequestTerminationCode) {
  const std::unique_ptr<Exchange> x(static_cast<Exchange*>(std::exchange(*state, nullptr)));
  if (x && x->post != nullptr) MHD_destroy_post_processor(x->post);
}

}  // namespace

struct Server::Library {
  ServerOptions options;
  MHD_Daemon* daemon = nullptr;
  int epoll = -1;  // the library's
};

Server::Server(UniqueFd listener, ServerOptions options) : library_(std::make_unique<Library>()) {
  library_->options = std::move(options);
  library_->daemon = MHD_start_daemon(
      MHD_USE_EPOLL, 0, nullptr, nullptr, &handle, &library_->options, MHD_OPTION_LISTEN_SOCKET, listener.get(),
      MHD_OPTION_CONNECTION_LIMIT, kConnections, MHD_OPTION_PER_IP_CONNECTION_LIMIT, kConnectionsOfOne,
      MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds, MHD_OPTION_NOTIFY_COMPLETED, &finish, nullptr, MHD_OPTION_END);
  if (library_->daemon == nullptr) throw Error(Errc::system, "start the HTTP server");
  (void)listener.release();  // the library closes it
  library_->epoll = MHD_get_daemon_info(library_->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

Server::~Server() { MHD_stop_daemon(library_->daemon); }

int Server::fd() const noexcept { return library_->epoll; }

int Server::timeout_ms() const {
  MHD_UNSIGNED_LONG_LONG ms = 0;
  if (MHD_get_timeout(library_->daemon, &ms) != MHD_YES) return -1;
  return static_cast<int>(std::min<MHD_UNSIGNED_LONG_LONG>(ms, 60'000));
}

void Server::run() {
  if (MHD_run(library_->daemon) != MHD_YES) throw Error(Errc::system, "serve HTTP");
}

}  // namespace rkt::metadata
