// SPDX-License-Identifier: Apache-2.0
// Mounts of tree files that outlive pods, so that a start copies a mount instead of making one, and all pods of an
// image share its pages in memory. One mount namespace a data directory holds them; no process is in it. States, locks
// and what a crash leaves: docs/devel/on-disk-format.md, "Trees as files".
#pragma once

#include "store/store.h"
#include "tree/tree.h"

namespace rkt::tree {

/// Copies of the kept mounts of the tree's files, which are made first where they are missing. Call it in the mount
/// namespace in which commands start: others do not see the one of the trees. Empty when no mounts can be kept here,
/// which is no error. Takes lock 13 where one has to be made.
FileMounts keep_mounts(const store::Store& store, const Tree& tree);
/// The same of those that are there; none is made.
FileMounts kept_mounts(const store::Store& store, const Tree& tree);

/// Lets go of all of them; what pods have taken stays theirs.
void release_mounts(const store::Store& store);

}  // namespace rkt::tree
