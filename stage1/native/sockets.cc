// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/sockets.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/common/inherited.h"
#include "sys/file.h"

namespace rkt::native {
namespace {

constexpr int kFirst = stage1::kFirstPassed, kBacklog = 4096;

struct Address {
  int type = 0;
  std::uint16_t port = 0;
};

int option(int fd, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

// Where it listens; nullopt: no socket of TCP or UDP that waits for clients.
std::optional<Address> address_of(int fd) {
  sockaddr_storage where{};
  socklen_t size = sizeof where;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size) < 0) return std::nullopt;
  const int type = option(fd, SO_TYPE), protocol = option(fd, SO_PROTOCOL);
  const bool stream = type == SOCK_STREAM && protocol == IPPROTO_TCP && option(fd, SO_ACCEPTCONN) == 1;
  if (!stream && !(type == SOCK_DGRAM && protocol == IPPROTO_UDP)) return std::nullopt;
  if (where.ss_family == AF_INET) return Address{type, ntohs(reinterpret_cast<sockaddr_in&>(where).sin_port)};
  if (where.ss_family == AF_INET6) return Address{type, ntohs(reinterpret_cast<sockaddr_in6&>(where).sin6_port)};
  return std::nullopt;
}

const char* protocol_name(int type) { return type == SOCK_STREAM ? "tcp" : "udp"; }

std::optional<std::uint16_t> host_port_of(const appc::Port& port, std::uint16_t pod_port,
                                          const std::vector<appc::ExposedPort>& exposed) {
  for (const auto& e : exposed)
    if (e.name == port.name && (e.pod_port ? e.pod_port->port : port.port) == pod_port) return e.host_port;
  return std::nullopt;
}

Error too_many(std::string_view app, std::string_view port) {
  return {Errc::invalid, cat("port ", quoted(port), " of app ", quoted(app), ": a pod has at most ", kMostSockets,
                             " socket-activated ports")};
}

std::vector<std::string_view> names_of(const std::string& text, std::size_t count) {
  auto names = split(text, ':');
  if (names.size() != count) names.assign(count, "");
  return names;
}

UniqueFd listen_on(int family, int type, std::uint16_t port) {
  UniqueFd fd(::socket(family, type | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  const int on = 1, off = 0;
  if (type == SOCK_STREAM) (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in6 six{};
  sockaddr_in four{};
  six.sin6_family = AF_INET6;
  four.sin_family = AF_INET;
  six.sin6_port = four.sin_port = htons(port);
  if (family == AF_INET6) (void)::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  const auto* where = family == AF_INET6 ? reinterpret_cast<sockaddr*>(&six) : reinterpret_cast<sockaddr*>(&four);
  const socklen_t size = family == AF_INET6 ? sizeof six : sizeof four;
  if (::bind(fd.get(), where, size) < 0 || (type == SOCK_STREAM && ::listen(fd.get(), kBacklog) < 0)) return {};
  return fd;
}

}  // namespace

std::vector<SocketPort> plan_sockets(const PodApp& app, const std::vector<appc::ExposedPort>& exposed,
                                     const std::function<void(std::string_view)>& warn) {
  std::vector<SocketPort> out;
  for (const auto& port : app.app().ports) {
    if (!port.socket_activated) continue;
    const unsigned count = std::max<unsigned>(port.count, 1);
    if (out.size() + count > kMostSockets) throw too_many(app.name(), port.name.str());
    const std::string protocol = lower(port.protocol);
    if (protocol != "tcp" && protocol != "udp")
      throw Error(Errc::unsupported, cat("port ", quoted(port.name.str()), " has protocol ", quoted(port.protocol),
                                         ": tcp and udp can be socket-activated"));
    bool warned = false;
    for (unsigned i = 0; i < count; ++i) {
      const auto pod_port = static_cast<std::uint16_t>(port.port + i);
      const auto host_port = host_port_of(port, pod_port, exposed);
      if (!host_port && !std::exchange(warned, true))
        warn(cat("warning: no --port option for socket-activated port ", quoted(port.name.str()), ", assuming port ",
                 pod_port, " as specified in the manifest"));
      out.push_back({.app = app.name(),
                     .name = port.name.str(),
                     .type = protocol == "tcp" ? SOCK_STREAM : SOCK_DGRAM,
                     .host_port = host_port.value_or(pod_port),
                     .pod_port = pod_port});
    }
  }
  return out;
}

std::vector<PassedSocket> take_passed_sockets(int lock) {
  std::vector<PassedSocket> out;
  const int count = stage1::passed_descriptors();
  if (count == 0) return out;
  if (count > static_cast<int>(kMostSockets))
    throw Error(Errc::usage, cat("LISTEN_FDS=", count, ": a pod takes at most ", kMostSockets, " sockets"));
  if (lock >= kFirst && lock < kFirst + count) throw Error(Errc::usage, cat("LISTEN_FDS=", count, " cannot be true"));
  const std::string names = env("LISTEN_FDNAMES").value_or("");
  const auto parts = names_of(names, static_cast<std::size_t>(count));
  for (int fd = kFirst; fd < kFirst + count; ++fd) {
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
      throw Error::from_errno(cat("take descriptor ", fd, " that LISTEN_FDS names"));
    out.push_back({.fd = UniqueFd(fd), .name = std::string(parts[static_cast<std::size_t>(fd - kFirst)])});
  }
  return out;
}

std::vector<AppSockets> give_sockets(std::vector<PassedSocket> passed,
                                     const std::vector<std::vector<SocketPort>>& wanted, SocketNetwork network,
                                     const std::function<void(std::string_view)>& warn) {
  std::vector<AppSockets> out(wanted.size());
  std::vector<const SocketPort*> seen;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    for (const auto& port : wanted[i]) {
      if (seen.size() == kMostSockets) throw too_many(port.app, port.name);
      if (std::ranges::any_of(seen, [&](const SocketPort* p) {
            return p->type == port.type && (p->host_port == port.host_port || p->pod_port == port.pod_port);
          }))
        throw Error(Errc::invalid, cat("two ports of the pod want the socket of ", protocol_name(port.type), " port ",
                                       port.host_port));
      seen.push_back(&port);
      const std::size_t before = out[i].size();
      for (auto& p : passed) {
        const auto where = p.fd ? address_of(p.fd.get()) : std::nullopt;
        if (!where || where->type != port.type || where->port != port.host_port) continue;
        out[i].push_back({.port = port, .fd = std::move(p.fd), .name = p.name.empty() ? port.name : p.name});
      }
      if (out[i].size() > before) continue;
      if (network == SocketNetwork::own)
        out[i].push_back({.port = port, .fd = {}, .name = port.name});
      else
        warn(cat("warning: port ", quoted(port.name), " of app ", quoted(port.app),
                 " gets no socket: none was passed, ", "and on the host's ", protocol_name(port.type), " port ",
                 port.host_port, " rkt itself does not listen"));
    }
  for (const auto& p : passed) {
    if (!p.fd) continue;
    const auto where = address_of(p.fd.get());
    warn(cat("warning: the socket ", p.name.empty() ? "" : cat(quoted(p.name), " "),
             where ? cat("on ", protocol_name(where->type), " port ", where->port, " ") : std::string(),
             "is for no socket-activated port of the pod: closed"));
  }
  return out;
}

void make_missing_sockets(AppSockets& sockets) {
  for (auto& s : sockets) {
    if (s.fd) continue;
    const std::uint16_t port = s.port.pod_port;
    s.fd = listen_on(AF_INET6, s.port.type, port);
    if (!s.fd && errno != EADDRINUSE) s.fd = listen_on(AF_INET, s.port.type, port);  // a network without IPv6
    if (!s.fd) throw Error::from_errno(cat("listen on ", protocol_name(s.port.type), " port ", port));
  }
}

// The kernel shows a socket's network only to who has CAP_NET_ADMIN over it: nobody does who is root of a user
// namespace alone.
bool belong_to_ruled_network(const std::vector<AppSockets>& sockets) {
  return std::ranges::any_of(sockets, [](const AppSockets& list) {
    return std::ranges::any_of(list, [](const AppSocket& s) {
      if (!s.fd) return false;
      const UniqueFd network(::ioctl(s.fd.get(), SIOCGSKNS));
      return network || errno != EPERM;
    });
  });
}

void drop_forwards(const std::vector<AppSockets>& sockets, std::vector<net::PortForward>& forwards) {
  for (const auto& list : sockets)
    for (const auto& s : list)
      if (s.fd)
        std::erase_if(forwards, [&](const net::PortForward& f) {
          return f.protocol == protocol_name(s.port.type) && f.host_port == s.port.host_port;
        });
}

}  // namespace rkt::native
