// SPDX-License-Identifier: Apache-2.0
// Appends to a log, so that it ends with a whole record also when the disk is full.
#pragma once

#include <string_view>

namespace rkt::native {

struct Appended {
  int err = 0;          ///< 0: all of it is there; else why nothing is
  bool broken = false;  ///< a part is there, and could not be cut off again
};
/// `file` is open with O_APPEND. Somebody else may empty it meanwhile; nobody else appends.
Appended append_whole(int file, std::string_view bytes) noexcept;

}  // namespace rkt::native
