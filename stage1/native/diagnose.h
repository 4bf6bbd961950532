// SPDX-License-Identifier: Apache-2.0
// Why an executable could not be executed (reference: pods §7.2): the kernel says "no such file" also when it is the
// interpreter that is missing.
#pragma once

#include <string>

#include "sys/dir.h"

namespace rkt::native {

/// One line about `exe` inside `root`, following scripts to their interpreter and programs to their loader. `err`: what
/// exec returned. Reads as little as it needs of a file that the image wrote.
std::string diagnose_exec(const DirFd& root, const std::string& exe, int err);

}  // namespace rkt::native
