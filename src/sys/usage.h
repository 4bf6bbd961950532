// SPDX-License-Identifier: Apache-2.0
// What a directory takes on disk.
#pragma once

#include <cstdint>
#include <string>

#include "sys/dir.h"

namespace rkt {

/// Bytes of all blocks below and of the directories themselves; a file with several names counts once. What vanishes
/// meanwhile does not count.
std::uint64_t disk_usage(const DirFd& dir);

}  // namespace rkt
