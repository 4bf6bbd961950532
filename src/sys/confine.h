// SPDX-License-Identifier: Apache-2.0
// How a worker gives up what it does not need, before it reads the first byte of a stranger. Order: leave_namespaces
// (needs privilege), become_unprivileged, then deny_syscalls last.
#pragma once

#include <sys/resource.h>

#include <span>
#include <string_view>

namespace rkt {

/// A new mount, IPC and UTS namespace, and a network namespace without interfaces unless `network`. Only as root.
void leave_namespaces(bool network);

/// As root: the account "rkt-fetch" where it exists, else "nobody"; no groups, no capabilities, empty bounding set.
/// Otherwise the caller's own id. Always: no_new_privs, not dumpable, no core files.
void become_unprivileged();

/// Highest value of a resource from now on; never raises.
void limit_resource(__rlimit_resource_t resource, rlim_t value);

/// A seccomp filter for all threads: these system calls kill the process; everything else is allowed, foreign
/// architectures are not. Names this kernel headers do not know are skipped.
void deny_syscalls(std::span<const std::string_view> names);

/// What no worker needs: running programs, tracing, namespaces, mounts, modules, keys, bpf, io_uring, …
std::span<const std::string_view> dangerous_syscalls();
/// Making sockets and talking through new ones.
std::span<const std::string_view> network_syscalls();

}  // namespace rkt
