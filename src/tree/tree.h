// SPDX-License-Identifier: Apache-2.0
// Rendered trees below DATA/cas/tree, ready to be overlay lowers: one per ACI chain or per Docker/OCI layer, either as
// a directory or as one EROFS file that is mounted where it is needed, in a mount namespace of its own. Rendering is
// done once however many processes ask (tree lock); a tree exists complete or not at all (on-disk-format.md).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/store.h"
#include "sys/dir.h"
#include "sys/lock.h"
#include "sys/mount.h"

namespace rkt::tree {

/// The tree of one image: what to hand to overlayfs.
struct Tree {
  std::string id;                   ///< treeStoreID: "deps-sha512-…" (ACI) or "chain-sha256-…" (Docker/OCI, top layer)
  std::vector<std::string> lowers;  ///< rootfs directories, top first, absolute paths below DATA/cas/tree
  std::vector<std::string> files;   ///< for each: the EROFS file that is its content, or "". See mount_files()
  bool has_files() const;
};

/// --tree-backend: the form of trees that are made.
enum class Backend {
  automatic,  ///< one file where this kernel mounts such files and the archive is no small one, else directories
  erofs,      ///< one file; where it cannot be mounted that is an error
  directory,  ///< directories; a tree that is one file is made again
};
Backend parse_backend(std::string_view text);  ///< "auto", "erofs", "dir"; throws Errc::usage

struct Options {
  Backend backend = Backend::automatic;
  bool check = true;  ///< a tree whose record no longer holds (record.h) is not used; false: --insecure-options=ondisk
  /// A directory without a record is taken as it is: an older rkt made it, and a pod runs on it.
  bool old_ones = false;
};

/// Renders what is missing (needs root) and returns the tree. Fast when rendered: small files are read, and every entry
/// of a directory tree is looked at. Does not wait for the disk: a tree that a power cut may have cut short is rendered
/// again, and so is one that was changed on disk, with a warning.
Tree render(store::Store& store, const store::ImageRecord& image, const Options& options = {});
/// Whether this process can make trees as an image wants them: as root. For others the first run does it.
bool may_render();
/// Renders what was just stored, if that may be. An image whose configuration states another content for a layer than
/// that has never runs, and is not kept.
void render_fetched(store::Store& store, const store::ImageRecord& image, const Options& options);
/// The id that render() would return, from the index alone.
std::string tree_id(const store::Store& store, const store::ImageRecord& image);
/// Only looks: throws Errc::not_found when it is not rendered, Errc::untrusted when it was changed on disk.
Tree open(const store::Store& store, const std::string& tree_id, const Options& options = {});
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

/// Mounts for the files of a tree, in their order: copies of those that are kept (kept_mounts.h). Where one is missing,
/// so may they all be, the file gets a mount of its own.
using FileMounts = std::vector<std::optional<DetachedMount>>;
/// Mounts the files of a tree at its `lowers`, read-only, where that is not done yet. The caller is in a mount
/// namespace of its own; all members below that take a Tree need it to have been called there when the tree has files,
/// but copy(), which makes one for itself, and can_map_owners().
void mount_files(const Tree& tree, const FileMounts& kept = {});
/// One of `lowers`. Throws when its file is not mounted there: the tree was replaced after mount_files().
DirFd open_lower(const Tree& tree, std::size_t i);
bool files_mounted(const Tree& tree);  ///< whether that has been done in this mount namespace
/// A merged copy into `into` (an empty directory), for pods without overlay, `image render`: keeps owners, modes,
/// times, xattrs, hard links, devices, holes.
void copy(const Tree& tree, const DirFd& into);
/// The same for one plain directory.
void copy_directory(const DirFd& from, const DirFd& into);
/// Removes every tree that is not in `keep` (or below one that is); returns the removed ids. Under the exclusive
/// prepare lock.
std::vector<std::string> collect(store::Store& store, const std::vector<std::string>& keep);

/// A tree that a process uses without a pod that names it stays while the lock is held, or a process that inherited
/// its descriptor lives. Under the shared prepare lock.
KeyLock hold(const store::Store& store, const std::string& tree_id);
/// Trees that somebody holds. Under the exclusive prepare lock.
std::vector<std::string> held(const store::Store& store);

/// How the files of an overlay appear to who uses it; nothing of that is seen in its layers.
struct View {
  int user_namespace = -1;   ///< whose they are; -1: the host's
  std::uint32_t root = 0;    ///< its root, on the host
  std::string context = {};  ///< of all of them (SELinux); "": what is on disk
};
/// A detached overlay mount (fd from fsmount): lowers of the tree below upper/work. Not attached anywhere; dropped =
/// gone. With a user namespace `upper` and `work` are of one mount that is mapped likewise. fsync() does nothing in it
/// (overlayfs, "Volatile mount"), and `work` has to be emptied before `upper` can be mounted again.
UniqueFd mount_overlay(const Tree& tree, const DirFd& upper, const DirFd& work, const View& view = {});
/// Whether this kernel can do that with this tree.
bool can_map_owners(const Tree& tree, int user_namespace);
/// The same without an upper: read-only.
UniqueFd mount_read_only(const Tree& tree);
/// The same with these directories ("a/b/") and empty files ("a/c") in it, whatever the image has there: places to
/// mount something on.
UniqueFd mount_with_places(const Tree& tree, const std::vector<std::string>& places, const View& view = {});

}  // namespace rkt::tree
