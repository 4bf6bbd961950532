// SPDX-License-Identifier: Apache-2.0
// Mounts of tree files that outlive pods, so that a start copies a mount instead of making one, and all pods of an
// image share its pages in memory. One mount namespace a data directory holds them; no process is in it. States, locks
// and what a crash leaves: docs/devel/on-disk-format.md, "Mounts that are kept".
#pragma once

#include "store/store.h"
#include "tree/mount_pin.h"
#include "tree/tree.h"

namespace rkt::tree {

class KeptMounts {
 public:
  /// `make`: copy() makes and keeps what is missing, and the namespace is made where there is none.
  enum class Missing : bool { leave, make };

  KeptMounts() = default;  ///< none
  /// Call it in the mount namespace in which commands start: others do not see the one of the trees. None when no
  /// mounts can be kept here, or somebody else is making the namespace, which is no error.
  KeptMounts(const store::Store& store, Missing missing);

  /// Copies of the mounts of the tree's files, in any mount namespace. Empty, or nullopt for one, where it gets a mount
  /// of its own. Takes lock 13 where one has to be made, unless somebody else holds it.
  FileMounts copy(const Tree& tree) const;

 private:
  bool makes_ = false;
  DirFd trees_;
  std::optional<MountPin> pin_;
  UniqueFd space_;
};

}  // namespace rkt::tree
