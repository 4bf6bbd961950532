// SPDX-License-Identifier: Apache-2.0
// Local files become images through one private copy in cas/partial, which is then hashed, verified and stored: a file
// that somebody changes meanwhile is either the old or the new one, never a verified head with another tail.
#pragma once

#include <string>
#include <string_view>

#include "sys/dir.h"
#include "sys/fd.h"

namespace rkt::image {

/// Copies a regular file (borrowed, whatever its position) to a new file `name` in `dir`, mode 0600, sharing its blocks
/// where the file system can. Replaces what was there. Returns it open for reading and writing, positioned at 0.
UniqueFd private_copy(int source, const DirFd& dir, const std::string& name);

/// Hex digest of a whole regular file that nobody else writes to. `algorithm`: sha256 or sha512.
std::string digest_of_file(int file, std::string_view algorithm);

/// A name for something in cas/partial that only this call uses: PREFIX-RANDOM.
std::string unique_name(std::string_view prefix);

}  // namespace rkt::image
