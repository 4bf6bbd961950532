// SPDX-License-Identifier: Apache-2.0
// What the kernel says of everything in a tree that is a directory, in the file "entries" beside "rootfs": what a
// change that goes through the file system cannot leave as it is. Reading the contents would take a start many times
// longer.
//
//   entry: name, NUL, 56 bytes of numbers as this machine has them (entries.cc); the root's name is "/"
//   after the entries of a directory: NUL
//
// A directory's entries follow it, sorted by name.
#pragma once

#include <optional>
#include <string>

#include "sys/dir.h"

namespace rkt::tree {

inline constexpr const char* kEntries = "entries";

/// `dir`: the tree's directory. Nobody changes it any more.
void write_entries(const DirFd& dir);

/// What is not as it was, for a person; nullopt: nothing. Also when there is nothing to compare with, and when the tree
/// is removed meanwhile.
std::optional<std::string> changed_entry(const DirFd& dir);

}  // namespace rkt::tree
