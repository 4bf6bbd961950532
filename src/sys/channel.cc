// SPDX-License-Identifier: Apache-2.0
#include "sys/channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "base/strings.h"

namespace rkt {
namespace {
constexpr std::size_t kMaxFds = 253;
}  // namespace

std::pair<Channel, Channel> Channel::make_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) throw Error::from_errno("make a socket pair");
  std::pair<Channel, Channel> out{Channel(UniqueFd(ends[0])), Channel(UniqueFd(ends[1]))};
  // A packet is one skb: the buffer must hold the largest one with room to spare.
  const int size = 4 * static_cast<int>(kMaxMessage);
  for (const int end : ends) ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  return out;
}

void send_packet(int socket, std::string_view text, std::span<const int> fds) {
  if (text.size() > kMaxMessage || fds.size() > kMaxFds)
    throw Error(Errc::bug, cat("a message of ", text.size(), " bytes and ", fds.size(), " descriptors is too large"));
  std::string copy(text);
  iovec iov{copy.data(), copy.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
  msghdr msg{};
  msg.msg_iov = &iov;
  msg.msg_iovlen = 1;
  if (!fds.empty()) {
    msg.msg_control = control.data();
    msg.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
  }
  while (::sendmsg(socket, &msg, MSG_NOSIGNAL) < 0)
    if (errno != EINTR) throw Error::from_errno("send a message");
}

std::optional<Packet> receive_packet(int socket, std::size_t max) {
  std::string buffer(max, '\0');
  iovec iov{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
  msghdr msg{};
  msg.msg_iov = &iov;
  msg.msg_iovlen = 1;
  msg.msg_control = control.data();
  msg.msg_controllen = control.size();
  ssize_t n;
  while ((n = ::recvmsg(socket, &msg, MSG_CMSG_CLOEXEC)) < 0)
    if (errno != EINTR) throw Error::from_errno("receive a message");
  Packet out;
  for (cmsghdr* c = CMSG_FIRSTHDR(&msg); c != nullptr; c = CMSG_NXTHDR(&msg, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
      out.fds.emplace_back(fd);
    }
  }
  if ((msg.msg_flags & MSG_TRUNC) != 0) throw Error(Errc::invalid, "a message from the other side is too large");
  // There is room for all that a message can have: it is this process that may have no more.
  if ((msg.msg_flags & MSG_CTRUNC) != 0) throw Error(Errc::system, "receive a message with descriptors", EMFILE);
  if (n == 0 && out.fds.empty()) return std::nullopt;
  buffer.resize(static_cast<std::size_t>(n));
  out.text = std::move(buffer);
  return out;
}

}  // namespace rkt
