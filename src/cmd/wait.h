// SPDX-License-Identifier: Apache-2.0
// --wait and --wait-ready of `status`.
#pragma once

#include <string>

#include "cli/command.h"
#include "pod/wait.h"

namespace rkt::cmd {

struct Wait {
  bool wanted = false;
  pod::Limit limit;  ///< nullopt: for ever
  /// "", a true spelling or a negative duration: for ever. A false spelling or zero: not at all. Else at most that
  /// long. Throws cli::UsageWanted for anything else.
  static Wait parse(const std::string& text);
};

cli::Flag wait_flag(const char* name, const char* help);

/// First until it is ready, then until it has finished. Throws "error waiting for …" when a limit passes.
void wait_for(const pod::Pods& pods, pod::Pod& pod, const Wait& ready, const Wait& finished);

}  // namespace rkt::cmd
