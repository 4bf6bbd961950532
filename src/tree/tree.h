// SPDX-License-Identifier: Apache-2.0
// Rendered trees below DATA/cas/tree, ready to be overlay lowers: one directory per ACI chain or per Docker/OCI layer.
// Rendering is done once however many processes ask (tree lock); a tree exists complete or not at all.
#pragma once

#include <string>
#include <vector>

#include "store/store.h"
#include "sys/dir.h"

namespace rkt::tree {

/// The tree of one image: what to hand to overlayfs.
struct Tree {
  std::string id;                     ///< treeStoreID: "deps-sha512-…" (ACI) or "chain-sha256-…" (Docker/OCI, top layer)
  std::vector<std::string> lowers;    ///< rootfs directories, top first, absolute paths below DATA/cas/tree
};

/// Renders what is missing (needs root) and returns the tree. Fast when rendered: one index look-up and one stat per lower.
Tree render(store::Store& store, const store::ImageRecord& image);
/// Only looks: throws Errc::not_found when it is not rendered.
Tree open(const store::Store& store, const std::string& tree_id);
/// A merged copy into `into` (an empty directory), for pods without overlay, `image render`: keeps owners, modes, times,
/// xattrs, hard links, devices.
void copy(const Tree& tree, const DirFd& into);
/// Removes every tree that is not in `keep`; returns the removed ids.
std::vector<std::string> collect(store::Store& store, const std::vector<std::string>& keep);

/// A detached overlay mount (fd from fsmount): lowers of the tree below upper/work. Not attached anywhere; dropped = gone.
UniqueFd mount_overlay(const Tree& tree, const DirFd& upper, const DirFd& work);
/// The same without an upper: read-only.
UniqueFd mount_read_only(const Tree& tree);

}  // namespace rkt::tree
