// SPDX-License-Identifier: Apache-2.0
// The name of what is open.
#pragma once

#include <string>
#include <string_view>

namespace rkt {

/// Absolute path of an open file as this mount namespace sees it now; another file may be there by the time it is used.
/// `doing` begins the error's text ("find a tree").
std::string path_of_fd(int fd, std::string_view doing);

}  // namespace rkt
