// SPDX-License-Identifier: Apache-2.0
// Groups of the host by name, from /etc/group alone: rkt is linked statically, and loads no name service.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "sys/dir.h"

namespace rkt {

/// nullopt: there is none, or the file cannot be read.
std::optional<gid_t> find_group(std::string_view name);

/// The same in the text of a group file. Lines that are none are skipped.
std::optional<gid_t> find_group_in(std::string_view file, std::string_view name);

/// The data directory, made when missing: 0750, and 2750 for the group "rkt" where root finds one, so that everything
/// in it belongs to that group and its members may fetch and list; with the directory of the image store in it.
DirFd open_data_directory(const std::string& path);

}  // namespace rkt
