// SPDX-License-Identifier: Apache-2.0
// Whether two directories hold the same tree.
#pragma once

#include <optional>
#include <string>

#include "sys/dir.h"

namespace rkt::tree {

/// Names, types, modes, owners, devices, links, extended attributes, sizes and contents, in lexical order; not times.
/// nullopt: no difference. `path` is where the two are, for the message.
std::optional<std::string> first_difference(const DirFd& a, const DirFd& b, const std::string& path);

}  // namespace rkt::tree
