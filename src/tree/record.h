// SPDX-License-Identifier: Apache-2.0
// What is known about a tree as it was made, and whether it still holds. Of a directory: entries.h. Of a tree's file,
// in the file "digest" beside it; the digest is fs-verity's in either case (two lines):
//
//   sha256:HEX        of the whole file, made while it was written
//   verity            the file system enforces it: a changed byte is never read
//   stat SIZE MTIME CTIME INODE   it cannot: any change that goes through the file system shows in these (times in ns);
//                     one that goes around it (a worn disk, a writer of the block device) is found by `image verify`
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sys/dir.h"

namespace rkt::tree {

inline constexpr const char* kRecord = "digest";

/// Has the file system enforce the digest where it can, and writes the record. `dir`: the tree's directory. Nobody has
/// the file open for writing. Throws Errc::system when the kernel finds another digest.
void write_record(const DirFd& dir, const std::string& digest);

/// Why the record of the tree does not hold, for a person; nullopt: it does. No record does not hold, nor does one of
/// a file that is gone.
std::optional<std::string> record_fault(const DirFd& trees, const std::string& id);
inline bool record_holds(const DirFd& trees, const std::string& id) { return !record_fault(trees, id); }

/// In the directory of a layer's tree: ids of the trees below, top first, one a line.
inline constexpr const char* kLower = "lower";
std::string lower_note(const std::vector<std::string>& below);
/// The trees below as the note has them; of an ACI's tree none, whatever lies there. nullopt: what no such note holds.
std::optional<std::vector<std::string>> read_lower(const DirFd& trees, const std::string& id);

/// The same as record_fault() of a tree that was made on top of these: that it still says so counts, too.
std::optional<std::string> tree_fault(const DirFd& trees, const std::string& id, const std::vector<std::string>& below);

/// The first line of a record, "" without one.
std::string recorded_digest(const DirFd& trees, const std::string& id);

}  // namespace rkt::tree
