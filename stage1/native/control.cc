// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/control.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/events.h"

namespace rkt::native {
namespace {

constexpr std::size_t kMaxRequest = 512, kMaxAnswer = 4096;

UniqueFd make_socket(int flags) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
  if (!fd) throw Error::from_errno("make a socket");
  return fd;
}

// A pod's path may be longer than a socket's address.
sockaddr_un address(const DirFd& pod, const char* name) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  const std::string path = cat("/proc/self/fd/", pod.get(), "/", name);
  std::memcpy(out.sun_path, path.data(), path.size());
  return out;
}

UniqueFd take_reserve(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

// nullopt: it is none.
std::optional<ControlRequest> parse_request(const std::optional<std::string>& text) {
  const auto words = text ? split(*text, ' ') : std::vector<std::string_view>();
  if (words.size() < 2 || words.size() > 3 || words[1].empty()) return std::nullopt;
  return ControlRequest{.verb = std::string(words[0]),
                        .app = std::string(words[1]),
                        .argument = words.size() == 3 ? std::string(words[2]) : ""};
}

}  // namespace

std::optional<std::string> receive_text(int fd, std::size_t limit) {
  std::string buffer(limit, '\0');
  ssize_t n = 0;
  while ((n = ::recv(fd, buffer.data(), buffer.size(), 0)) < 0 && errno == EINTR) {
  }
  if (n <= 0) return std::nullopt;
  buffer.resize(static_cast<std::size_t>(n));
  return buffer;
}

ControlSocket::ControlSocket(const DirFd& pod, const char* name, std::size_t most)
    : fd_(make_socket(SOCK_NONBLOCK)), reserve_(take_reserve(fd_.get())), most_(most) {
  pod.unlink(name);
  const sockaddr_un where = address(pod, name);
  const mode_t before = ::umask(0177);
  const int bound = ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where);
  const int err = errno;
  ::umask(before);
  if (bound < 0) throw Error::from_errno(cat("make ", quoted(name)), err);
  if (::listen(fd_.get(), 16) < 0) throw Error::from_errno(cat("listen on ", quoted(name)));
}

UniqueFd ControlSocket::accept() {
  UniqueFd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  // Who cannot be served is turned away: left in the queue it would be told of again and again.
  if (!client && (errno == EMFILE || errno == ENFILE)) {
    reserve_.reset();
    UniqueFd away(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    away.reset();
    reserve_ = take_reserve(fd_.get());
    return {};
  }
  ucred who{};
  socklen_t size = sizeof who;
  if (!client || ::getsockopt(client.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 || who.uid != ::geteuid())
    return {};
  return client;
}

void ControlSocket::watch(std::vector<pollfd>& events) const {
  events.push_back({fd_.get(), POLLIN, 0});
  for (const auto& c : clients_) events.push_back({c.get(), POLLIN, 0});
}

std::vector<ControlSocket::Asked> ControlSocket::take(std::span<const pollfd> events) {
  std::vector<Asked> out;
  for (auto& c : clients_) {
    if (revents_of(events, c.get()) == 0) continue;
    UniqueFd client = std::exchange(c, UniqueFd());
    if (auto request = parse_request(receive_text(client.get(), kMaxRequest)))
      out.push_back({.request = std::move(*request), .client = std::move(client)});
  }
  std::erase_if(clients_, [](const UniqueFd& c) { return !c; });
  if (revents_of(events, fd_.get()) == 0) return out;
  if (UniqueFd client = accept(); client && clients_.size() < most_) clients_.push_back(std::move(client));
  return out;
}

void send_answer(int client, const ControlAnswer& answer) {
  const std::string text = cat(answer.status, " ", answer.text).substr(0, kMaxAnswer);
  (void)!::send(client, text.data(), text.size(), MSG_NOSIGNAL);
}

UniqueFd connect_to(const DirFd& pod, const char* name) {
  UniqueFd fd = make_socket(0);
  const sockaddr_un where = address(pod, name);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) < 0)
    throw Error::from_errno("reach the pod");
  return fd;
}

namespace {

void send_request(int server, std::string_view request) {
  if (::send(server, request.data(), request.size(), MSG_NOSIGNAL) < 0) throw Error::from_errno("ask the pod");
}

ControlAnswer receive_answer(int server) {
  const auto answer = receive_text(server, kMaxAnswer);
  if (!answer) throw Error(Errc::system, "the pod has ended before it could answer");
  const auto space = answer->find(' ');
  const auto status = parse_int<int>(std::string_view(*answer).substr(0, space));
  if (space == std::string::npos || !status) throw Error(Errc::invalid, "the pod's answer makes no sense");
  return {.status = *status, .text = answer->substr(space + 1)};
}

}  // namespace

ControlAnswer ask(int server, std::string_view request) {
  send_request(server, request);
  return receive_answer(server);
}

ControlAnswer ask(const DirFd& pod, const ControlRequest& request, UniqueFd lock) {
  const UniqueFd server = connect_to(pod, kControlSocket);
  send_request(server.get(),
               cat(request.verb, " ", request.app, request.argument.empty() ? "" : " ", request.argument));
  lock.reset();
  return receive_answer(server.get());
}

}  // namespace rkt::native
