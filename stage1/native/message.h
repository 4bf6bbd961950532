// SPDX-License-Identifier: Apache-2.0
// What the two processes of a pod tell each other, over one SOCK_SEQPACKET pair.
//
//   outer (was `rkt run`)                 init (pid 1 of the pod)
//        --- clone3 --------------------->
//        <-- started(app, pid in the pod)      for the prefix of output lines
//        <-- ready                             every app was launched: the state file is there, enter works
//        <-- ended(app, status)                for good
//        <-- restarts(app, ms)                 it has ended, and is to be started again that much later, ...
//        --- start(app) ---------------------> ... when what it left behind is gone
//        <-- line(text)                        for the user's stderr
//        --- stop(ms) ------------------->     orderly: SIGTERM, that grace, SIGKILL. In a hurry, outer kills init
//        <-- over(status)                      the last message; init exits
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
  enum class Kind : std::uint8_t { started, ready, ended, restarts, start, line, stop, over } kind = Kind::line;
  std::uint16_t app = 0;
  std::int32_t value = 0;
  std::string text = {};  ///< of a line; cut at kMaxText
};

constexpr std::size_t kMaxText = 4000;

/// False when the other side is gone.
bool send_message(int socket, const Message& message);

/// Waits. nullopt: the other side is gone.
std::optional<Message> receive_message(int socket);

}  // namespace rkt::native
