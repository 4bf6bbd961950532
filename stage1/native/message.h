// SPDX-License-Identifier: Apache-2.0
// What the two processes of a pod tell each other, over one SOCK_SEQPACKET pair.
//
//   outer (was `rkt run`)                 init (pid 1 of the pod)
//        --- clone3 --------------------->
//        <-- line(text)                        for the user's stderr
//        <-- over(status)                      the last message; init exits
//
// when init launches the apps:
//
//        --- groups ---------------------->     their cgroups, made meanwhile (groups.h): the first that it is told
//        <-- started(app, pid in the pod)      for the prefix of output lines
//        <-- ready                             every app was launched: the state file is there, enter works
//        <-- ended(app, status, killed)        for good
//        --- stop(ms) ------------------->     orderly: SIGTERM, that grace, SIGKILL. In a hurry, outer kills init
//
// when outer does, with the same messages said to itself (supervisor.h):
//
//        <-- assembled                         the apps' roots are, in this mount namespace, ...
//        --- start ---------------------->     ... which outer has hold of: init may leave it
//        <-- ready                             init is harmless
//        --- signal(number) ------------->     to everybody in the pod; said back when it is sent
//        --- stop ----------------------->     no app is left: SIGKILL to everybody, and the end
//
//   restarts(app, n)    it has ended, and is to be started again, for the n-th time
//
// What outer believes of it: from_init.h. Outer never waits for init, which somebody may have stopped, and kills it
// when it has not ended in time.
//
// End of file without `over`: init was killed, or could not set the pod up (then a `line` says why). End of file on
// init's side cannot happen: it is killed when its parent dies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rkt::native {

struct Message {
  enum class Kind : std::uint8_t { started, ready, ended, restarts, start, line, stop, assembled, signal, over };
  Kind kind = Kind::line;
  bool killed = false;  ///< of ended: its main process, with SIGKILL, and not by who sends this
  std::uint16_t app = 0;
  std::int32_t value = 0;
  std::string text = {};  ///< of a line; cut at kMaxText
};

constexpr std::size_t kMaxText = 4000;

enum class Wait : std::uint8_t { yes, no };

/// False: the other side is gone, or with Wait::no, takes nothing more now.
bool send_message(int socket, const Message& message, Wait wait = Wait::yes);

/// nullopt: the other side is gone, or with Wait::no, has said nothing.
std::optional<Message> receive_message(int socket, Wait wait = Wait::yes);

}  // namespace rkt::native
