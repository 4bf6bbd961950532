// SPDX-License-Identifier: Apache-2.0
// Whole writes at a place of a file.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace rkt {

/// All of `bytes` from offset `at` on; the file position stays. `doing` begins the error's text ("write the tree").
void write_at(int fd, std::span<const std::uint8_t> bytes, std::uint64_t at, std::string_view doing);

}  // namespace rkt
