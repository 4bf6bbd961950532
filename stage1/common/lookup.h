// SPDX-License-Identifier: Apache-2.0
// Where an app's executable is, inside its root (reference: pods §4.2).
#pragma once

#include <string>
#include <vector>

#include "sys/dir.h"

namespace rkt::stage1 {

/// Where find_executable() looks, in this order: a single path for what is not searched for. All absolute.
std::vector<std::string> executable_places(const std::string& name, const std::string* path,
                                           const std::string& working_directory);

/// An absolute path as it is; one with a slash below the working directory; a bare name searched for in `path` (the
/// app's own PATH; nullptr: none is set, then the working directory, /bin and /usr/bin). The result is absolute; a
/// final link is not resolved, so that multi-call programs know their name. Throws `unable to find "x" in "…"`.
std::string find_executable(const DirFd& root, const std::string& name, const std::string* path,
                            const std::string& working_directory);

}  // namespace rkt::stage1
