// SPDX-License-Identifier: Apache-2.0
// What is known about a tree's file, in the file "digest" beside it, and whether it still holds. The digest is
// fs-verity's in either case (two lines):
//
//   sha256:HEX        of the whole file, made while it was written
//   verity            the file system enforces it: a changed byte is never read
//   stat SIZE MTIME CTIME INODE   it cannot: any change that goes through the file system shows in these (times in ns);
//                     one that goes around it (a worn disk, a writer of the block device) is found by `image verify`
#pragma once

#include <string>

#include "sys/dir.h"

namespace rkt::tree {

inline constexpr const char* kRecord = "digest";

/// Has the file system enforce the digest where it can, and writes the record. `dir`: the tree's directory. Nobody has
/// the file open for writing. Throws Errc::system when the kernel finds another digest.
void write_record(const DirFd& dir, const std::string& digest);

/// Whether the record of a tree holds. True for a tree that is a directory: nothing is recorded about those. False when
/// there is a record and no file.
bool record_holds(const DirFd& trees, const std::string& id);

/// The first line of a record, "" without one.
std::string recorded_digest(const DirFd& trees, const std::string& id);

}  // namespace rkt::tree
