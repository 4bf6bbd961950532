// SPDX-License-Identifier: Apache-2.0
// Changes of a pod's state after its life, and the removal of its files (docs/devel/pod-lifecycle.md).
#pragma once

#include <optional>

#include "pod/pod.h"

namespace rkt::pod {

/// The pod's lock, exclusively. Waits for readers that test it, and for nothing else: nullopt when somebody holds it.
std::optional<DirLock> lock_unless_held(const DirFd& dir);

enum class Marked : std::uint8_t {
  moved,
  busy,  ///< it is in use, or not in a state that can be marked
  gone   ///< somebody else was faster
};
/// exited -> exited garbage; aborted prepare and prepared -> garbage. `pod` is looked at again.
Marked mark_garbage(const Pods& pods, Pod& pod);

/// Removes everything in a pod's directory: root of stage1 and overlay first, the manifest last. Repeatable; never
/// crosses into a mount (throws Errc::busy). The caller holds the exclusive lock and removes the directory itself.
void remove_files(const DirFd& pod);

}  // namespace rkt::pod
