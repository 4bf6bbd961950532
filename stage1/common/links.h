// SPDX-License-Identifier: Apache-2.0
// Where a path leads inside the root of an app, whose links are the image's.
#pragma once

#include <string>
#include <string_view>

#include "sys/dir.h"

namespace rkt::stage1 {

/// `path` with every link resolved inside `root`; parts that do not exist stay as they are. Cleaned. Throws after 255
/// links.
std::string resolve_links(const DirFd& root, std::string_view path);

}  // namespace rkt::stage1
