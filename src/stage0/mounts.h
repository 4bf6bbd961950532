// SPDX-License-Identifier: Apache-2.0
// Mounts of stage0: always in a mount namespace of its own, so that whatever is killed leaves nothing on the host.
// /run/netns alone stays shared with the host: network namespaces that stage1 pins there must be seen, and removable,
// from outside.
#pragma once

#include <string_view>

#include "sys/fd.h"
#include "sys/mount.h"

namespace rkt::stage0 {

/// Moves this process into a new mount namespace. Descriptors of directories that were opened before belong to the old
/// one: nothing can be mounted through them.
void enter_private_mounts();

/// The same for a while: the destructor returns to where it was.
class MountScope {
 public:
  MountScope() { enter_private_mounts(); }
  /// The mount namespace of another process (a pidfd).
  explicit MountScope(int process);

 private:
  MountHome home_;
};

/// Attaches a detached mount to the directory `dir`, which must have been opened in this mount namespace.
void attach(const UniqueFd& mount, int dir, std::string_view what);

}  // namespace rkt::stage0
