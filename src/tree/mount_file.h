// SPDX-License-Identifier: Apache-2.0
// Trees that are one EROFS file: whether this machine can use them, and mounting them.
#pragma once

#include "store/store.h"
#include "sys/dir.h"
#include "sys/mount.h"
#include "tree/tree.h"

namespace rkt::tree {

/// In cas/tree: "BOOT-ID usable", or the id of the boot whose kernel cannot mount such files. Removing it costs a try.
inline constexpr const char* kProbe = ".erofs";

/// Whether a new tree is to be tried as a file: not when it was found in this boot that such files cannot be mounted.
bool wants_file(const store::Store& store, Backend backend);

/// Whether the new tree in `dir` (as rendering leaves it) can be mounted and be a layer of an overlay. Tried once a
/// boot.
bool can_mount(const store::Store& store, const DirFd& dir);

/// Whether this kernel shows the files of such a tree (its path) with the owners of a user namespace.
bool can_map_file(const std::string& file, int user_namespace);

/// A mount of its own of such a file, read-only: from the file as it is, else through a loop device. Throws.
DetachedMount mount_file(const std::string& path);
DetachedMount mount_file(int file);

bool is_mount_point(int dir);

}  // namespace rkt::tree
