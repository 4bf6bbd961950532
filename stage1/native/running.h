// SPDX-License-Identifier: Apache-2.0
// The two processes of a running pod, found from outside. A process ID is a number that may have come to mean another
// process; what is found here is proven: the pod's lock is still held after the descriptors were opened, and outer
// leaves init unreaped while it holds that lock.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "sys/dir.h"
#include "sys/fd.h"

namespace rkt::native {

struct RunningPod {
  UniqueFd init, outer;  ///< pidfds
  /// `init`: what POD/pid says. Throws Errc::not_found when the pod has ended.
  static RunningPod find(const DirFd& pod, pid_t init);
};

/// What POD/pid says; throws when the pod does not run, or has not come that far.
pid_t read_init_pid(const DirFd& pod);

struct HostProcess {
  pid_t pid = 0;  ///< on the host
  UniqueFd fd;    ///< pidfd
};

/// The process on the host that is `pid` in the pid namespace of the pod's `init`, a child of one of its two processes;
/// nullopt: there is none. It may be process 1 of a namespace of its own.
std::optional<HostProcess> find_in_pod(pid_t init, pid_t pid);

/// The number that a process of the host has in the pid namespace of the pod's `init`; 0: none, or it is gone.
pid_t pid_in_pod(pid_t init, pid_t host_pid);

/// The children of a thread, also those that have ended; empty where the kernel does not say. `task`: its directory in
/// /proc.
std::vector<pid_t> children_of(const DirFd& task);
/// Of this thread.
std::vector<pid_t> own_children();

}  // namespace rkt::native
