// SPDX-License-Identifier: Apache-2.0
// Becoming a stage1 entry point: the clean environment, the descriptors that may cross, the exec.
#pragma once

#include <string>
#include <vector>

#include "sys/dir.h"

namespace rkt::stage0 {

struct Stage1Exec {
  std::string exe;
  std::vector<std::string> argv;
  const DirFd& cwd;
  int lock_fd = -1;   ///< stays open across the exec and is named in RKT_LOCK_FD; -1: none
};
/// Replaces this process. Besides 0, 1, 2 and the lock only descriptors of socket activation (LISTEN_FDS for this process) cross.
[[noreturn]] void exec_stage1(const Stage1Exec& call);

/// What a stage1 program gets: stage1_environment() of this process.
std::vector<std::string> environment_for_stage1();

}  // namespace rkt::stage0
