// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/handover.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "stage1/native/launch.h"
#include "stage1/native/memory.h"
#include "stage1/native/message.h"
#include "sys/caps.h"
#include "sys/channel.h"

namespace rkt::native {
namespace {

constexpr std::size_t kMounts = 4;
constexpr std::string_view kMark = "m";  // descriptors do not travel alone

}  // namespace

void hand_over(int socket, const SharedMounts& m) {
  const std::array<int, kMounts> fds = {m.proc.fd(), m.sys.fd(), m.shm.fd(), m.mqueue.fd()};
  in_context([] { return std::string("hand over the pod's mounts"); }, [&] { send_packet(socket, kMark, fds); });
}

std::optional<SharedMounts> take_over(int socket, DetachedMount devpts) {
  auto packet = in_context([] { return std::string("take over the pod's mounts"); },
                           [&] { return receive_packet(socket, kMark.size()); });
  if (!packet || packet->fds.size() != kMounts) return std::nullopt;
  auto& fds = packet->fds;
  return SharedMounts{.proc = DetachedMount::adopt(std::move(fds[0])),
                      .sys = DetachedMount::adopt(std::move(fds[1])),
                      .devpts = std::move(devpts),
                      .shm = DetachedMount::adopt(std::move(fds[2])),
                      .mqueue = DetachedMount::adopt(std::move(fds[3]))};
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
