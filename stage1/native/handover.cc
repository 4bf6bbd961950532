// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/handover.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "stage1/native/launch.h"
#include "stage1/native/memory.h"
#include "stage1/native/message.h"
#include "sys/caps.h"

namespace rkt::native {
namespace {

constexpr std::size_t kMounts = 4;

struct Packet {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMounts * sizeof(int))> control{};
  msghdr header{};

  Packet() {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  Packet(Packet&&) = delete;
};

}  // namespace

void hand_over(int socket, const SharedMounts& m) {
  const std::array<int, kMounts> fds = {m.proc.fd(), m.sys.fd(), m.shm.fd(), m.mqueue.fd()};
  Packet packet;
  cmsghdr* c = CMSG_FIRSTHDR(&packet.header);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(c), fds.data(), sizeof fds);
  if (::sendmsg(socket, &packet.header, MSG_NOSIGNAL) < 0) throw Error::from_errno("hand over the pod's mounts");
}

std::optional<SharedMounts> take_over(int socket, DetachedMount devpts) {
  Packet packet;
  ssize_t n = 0;
  while ((n = ::recvmsg(socket, &packet.header, MSG_CMSG_CLOEXEC)) < 0)
    if (errno != EINTR) throw Error::from_errno("take over the pod's mounts");
  const cmsghdr* c = CMSG_FIRSTHDR(&packet.header);
  if (n == 0 || c == nullptr || c->cmsg_len != CMSG_LEN(kMounts * sizeof(int))) return std::nullopt;
  std::array<int, kMounts> fds{};
  std::memcpy(fds.data(), CMSG_DATA(c), sizeof fds);
  return SharedMounts{.proc = DetachedMount::adopt(UniqueFd(fds[0])),
                      .sys = DetachedMount::adopt(UniqueFd(fds[1])),
                      .devpts = std::move(devpts),
                      .shm = DetachedMount::adopt(UniqueFd(fds[2])),
                      .mqueue = DetachedMount::adopt(UniqueFd(fds[3]))};
}

int reap_until_asked(int control) {
  const UniqueFd signals = child_signals();
  drop_capabilities_for_good(cap_bit(CAP_KILL));
  send_message(control, {.kind = Message::Kind::ready});
  for (;;) {
    pollfd events[] = {{signals.get(), POLLIN, 0}, {control, POLLIN, 0}};
    if (poll_lean(events, std::nullopt) < 0 && errno != EINTR) throw Error::from_errno("wait for events");
    if ((events[1].revents & (POLLIN | POLLHUP)) != 0) {
      const auto message = receive_message(control);
      const bool asked = message && message->kind == Message::Kind::signal;
      ::kill(-1, asked ? message->value : SIGKILL);
      if (!asked) return message ? 0 : 128 + SIGKILL;
      send_message(control, {.kind = Message::Kind::signal});
    }
    signalfd_siginfo drained[4];
    (void)!::read(signals.get(), drained, sizeof drained);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
}

}  // namespace rkt::native
