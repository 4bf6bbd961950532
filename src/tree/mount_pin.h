// SPDX-License-Identifier: Apache-2.0
// Mount namespaces that live without a process, by a mount of each at its pin: /run/rkt/trees/DEVICE-INODE (of the
// directory of trees that is its root). States and locks: docs/devel/on-disk-format.md, "Mounts that are kept".
#pragma once

#include <optional>
#include <string>

#include "store/store.h"
#include "sys/dir.h"
#include "sys/lock.h"

namespace rkt::tree {

class MountPin {
 public:
  explicit MountPin(const store::Store& store);

  /// The namespace; empty: none is pinned there.
  UniqueFd open() const;
  /// Lock 13; nullopt: somebody held it for 0.3 s. Whoever holds it may make(), and mount in the namespace.
  std::optional<KeyLock> lock() const;
  /// A new namespace, pinned. Namespaces of data directories that were deleted go. Throws where the kernel pins none:
  /// Linux mounts only a namespace that is younger than the one it is mounted in, and 6.18 tells that by numbers which
  /// are in order only beside the first of all, which hosts are in.
  UniqueFd make(const DirFd& trees) const;
  /// Lets go of the namespace, if there is one and nobody holds the lock.
  static void release(const store::Store& store);

 private:
  std::string name_;
  DirFd pins_;  // stays when the process goes to another mount namespace
};

}  // namespace rkt::tree
