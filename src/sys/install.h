// SPDX-License-Identifier: Apache-2.0
// Where this installation is: everything is found relative to the running binary, so that a build tree works like an
// installed one.
#pragma once

#include <string>

namespace rkt {

/// The directory that holds bin/: "/usr" for /usr/bin/rkt, "…/build" for …/build/bin/rkt. Throws.
std::string install_prefix();
/// The directory of the running binary itself.
const std::string& binary_directory();

}  // namespace rkt
