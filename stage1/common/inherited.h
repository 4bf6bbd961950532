// SPDX-License-Identifier: Apache-2.0
// What a stage1's `run` gets by the environment (docs/devel/stage1-interface.md).
#pragma once

namespace rkt::stage1 {

/// The descriptor that holds the pod's lock, RKT_LOCK_FD: never a standard stream. Throws Errc::usage when none is
/// open.
int inherited_lock();

/// How many descriptors from kFirstPassed on a service manager has passed to this process: LISTEN_FDS, if LISTEN_PID
/// names it. Whether they are open, and how many are too many, is the caller's to say.
int passed_descriptors();
constexpr int kFirstPassed = 3;  ///< sd_listen_fds(3)

}  // namespace rkt::stage1
