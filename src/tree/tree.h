// SPDX-License-Identifier: Apache-2.0
// Rendered trees below DATA/cas/tree, ready to be overlay lowers: one directory per ACI chain or per Docker/OCI layer.
// Rendering is done once however many processes ask (tree lock); a tree exists complete or not at all
// (on-disk-format.md).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/store.h"
#include "sys/dir.h"

namespace rkt::tree {

/// The tree of one image: what to hand to overlayfs.
struct Tree {
  std::string id;                   ///< treeStoreID: "deps-sha512-…" (ACI) or "chain-sha256-…" (Docker/OCI, top layer)
  std::vector<std::string> lowers;  ///< rootfs directories, top first, absolute paths below DATA/cas/tree
};

/// Renders what is missing (needs root) and returns the tree. Fast when rendered: one small file is read. Does not wait
/// for the disk: a tree that a power cut may have cut short is rendered again.
Tree render(store::Store& store, const store::ImageRecord& image);
/// The id that render() would return, from the index alone.
std::string tree_id(const store::Store& store, const store::ImageRecord& image);
/// Only looks: throws Errc::not_found when it is not rendered.
Tree open(const store::Store& store, const std::string& tree_id);
/// Writes the file system of the trees back and marks them as on disk for good (`prepare`).
void sync(const store::Store& store);

/// Renders again, aside, and compares everything but times. nullopt: the same. Otherwise what differs first; the fresh
/// tree has then replaced the damaged one. Throws Errc::not_found when it is not rendered.
std::optional<std::string> verify(store::Store& store, const store::ImageRecord& image);

/// One tree that is not what its blobs render to.
struct Damage {
  std::string id, what;
  bool replaced = false;
};
/// The same for every tree of the image that is there, but those in `seen`, to which it adds what it looked at. Trees
/// that a power cut may have cut short are nobody's: the next use renders them again. With `replace` the fresh tree
/// takes the place of a damaged one at once; pods that run on the old one keep it until they have ended and `image gc`
/// takes it. Throws when the image cannot be rendered.
std::vector<Damage> inspect(store::Store& store, const store::ImageRecord& image, bool replace,
                            std::set<std::string>& seen);
/// Names below cas/tree that are no tree and nobody's work in progress.
std::vector<std::string> stray_names(const store::Store& store);

/// A merged copy into `into` (an empty directory), for pods without overlay, `image render`: keeps owners, modes,
/// times, xattrs, hard links, devices, holes.
void copy(const Tree& tree, const DirFd& into);
/// The same for one plain directory.
void copy_directory(const DirFd& from, const DirFd& into);
/// Removes every tree that is not in `keep` (or below one that is); returns the removed ids. Under the exclusive
/// prepare lock.
std::vector<std::string> collect(store::Store& store, const std::vector<std::string>& keep);

/// A detached overlay mount (fd from fsmount): lowers of the tree below upper/work. Not attached anywhere; dropped =
/// gone.
UniqueFd mount_overlay(const Tree& tree, const DirFd& upper, const DirFd& work);
/// The same, its files owned by the ids of a user namespace whose root is `root`; on disk, also in `upper`, nothing of
/// that is seen. `upper` and `work` are of one mount that is mapped likewise.
UniqueFd mount_overlay_mapped(const Tree& tree, const DirFd& upper, const DirFd& work, int user_namespace,
                              std::uint32_t root);
/// Whether this kernel can do that with this tree.
bool can_map_owners(const Tree& tree, int user_namespace);
/// The same without an upper: read-only.
UniqueFd mount_read_only(const Tree& tree);
/// The same with these directories ("a/b/") and empty files ("a/c") in it, whatever the image has there: places to
/// mount something on. `user_namespace`: whose the files are, -1 the host's.
UniqueFd mount_with_places(const Tree& tree, const std::vector<std::string>& places, int user_namespace = -1);

}  // namespace rkt::tree
