// SPDX-License-Identifier: Apache-2.0
// New processes in new namespaces, and joining those of others.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "sys/fd.h"

namespace rkt {

struct NewProcess {
  pid_t pid = 0;   ///< 0: this is the child
  UniqueFd pidfd;  ///< in the parent
};

/// clone3: `flags` are CLONE_NEW…; `cgroup` >= 0: the child is born in that v2 cgroup. Single-threaded callers only:
/// the child is a copy of this process that goes on in C++. Throws.
NewProcess clone_process(std::uint64_t flags, int cgroup = -1);

/// Runs `body` in a child that has a root, a working directory and namespaces of its own, but shares memory and
/// descriptors with this process, which waits meanwhile. `body` is child code (cmake/rkt.cmake): system calls only.
/// Throws when there is no child to be had, or it was killed.
void run_apart(int (*body)(void*), void* argument);

/// nullopt: no such process.
std::optional<UniqueFd> open_pidfd(pid_t pid);

/// Whether the process of a pidfd has ended.
bool has_ended(int pidfd);

/// setns: `fd` is a pidfd (all of `kinds`, CLONE_NEW…) or one namespace. A joined pid namespace is that of children.
void join_namespaces(int fd, int kinds);

/// A new cgroup namespace, whose root is where this process is. Where namespaces are boundaries of delegation (a mount
/// with nsdelegate, as systemd's), no child can be born in a cgroup above or beside that any more.
void make_cgroup_namespace();

void set_hostname(const char* name);

/// From here on no process without CAP_SYS_PTRACE can look at this one (its /proc/PID links, memory, environment), and
/// it dumps no core. Inherited by clones, ended by exec.
void become_unreadable();

/// A new, empty session keyring instead of the caller's, for this process and those it starts. A kernel without keys is
/// fine.
void leave_session_keyring();

/// This process is killed when its parent dies. `parent` is a pidfd of the parent, since the parent may be dead
/// already.
void die_with_parent(int parent);

}  // namespace rkt
