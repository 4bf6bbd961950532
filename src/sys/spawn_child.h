// SPDX-License-Identifier: Apache-2.0
// What spawn's parent hands to its child between clone and exec, and what comes back on failure.
#pragma once

#include <climits>
#include <cstdint>
#include <type_traits>

namespace rkt {

enum class SpawnStep : std::uint8_t { descriptors, directory, session, signals, exec };

struct SpawnFault {
  SpawnStep step;
  int err;
};

struct SpawnPlan {
  const char* exe;  // nullptr: exe_fd
  int exe_fd;       // already above every target number
  char* const* argv;
  char* const* envp;
  const int* fds;  // fds[i] becomes descriptor i; -1 leaves descriptor i as it is
  int fd_count;
  int cwd_fd;
  int fault_fd;    // close-on-exec; above every target number
  int parent_pid;  // for the parent-death check
  bool die_with_parent;
  bool new_session;
};
static_assert(std::is_trivially_copyable_v<SpawnPlan> && std::is_standard_layout_v<SpawnPlan>);
static_assert(sizeof(SpawnFault) <= PIPE_BUF);

[[noreturn]] void spawn_child(const SpawnPlan& plan) noexcept;

}  // namespace rkt
