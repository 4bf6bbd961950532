// SPDX-License-Identifier: Apache-2.0
// What outer believes of what comes over the control socket. An app with CAP_SYS_PTRACE can take the pod's pid 1 over,
// and its end of the socket with it. Before the first app executes something what comes is pid 1's own; from there on
// nobody may say again what has been said.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "stage1/native/message.h"

namespace rkt::native {

class FromInit {
 public:
  /// `apps`: of those that pid 1 launches itself, each once; 0 where outer launches them.
  explicit FromInit(std::size_t apps) : apps_(apps) {}
  /// Whether the message is to be taken: it says what it may say now.
  bool takes(const Message& message);

 private:
  enum class AppState : std::uint8_t { new_one, started, ended };
  std::vector<AppState> apps_;
  bool assembled_ = false, ready_ = false;
};

}  // namespace rkt::native
