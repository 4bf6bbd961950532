// SPDX-License-Identifier: Apache-2.0
// The small files in a tree's directory, as somebody may have left them: something else in the place of one is as if it
// were missing, so that whoever makes trees makes that one again.
#pragma once

#include <optional>
#include <string>

#include "sys/dir.h"

namespace rkt::tree {

/// Open for reading; nullopt: no file of that name. Does not wait for who writes into a FIFO.
std::optional<UniqueFd> find_regular(const DirFd& dir, const std::string& name);
/// nullopt also for what is longer than any note.
std::optional<std::string> find_note(const DirFd& dir, const std::string& name);

/// Whether an error of opening says that there is nothing, or something else.
bool is_other_than_wanted(int error);

}  // namespace rkt::tree
