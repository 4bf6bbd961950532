// SPDX-License-Identifier: Apache-2.0
// Extended attributes as EROFS keeps them behind an inode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rkt::unpack::erofs {

/// The entries, without header. Of two with one name the last counts. Refuses, as the kernel does when they are set on
/// a file: names that are too long, file capabilities that are none. Throws Errc::unsupported for what does not fit.
std::vector<std::uint8_t> encode_xattrs(const std::vector<std::pair<std::string, std::string>>& xattrs);
void append_xattr(std::vector<std::uint8_t>& out, std::uint8_t prefix, std::string_view name, std::string_view value);

/// What Inode::xattr_units says for entries of this size, and the size of header and entries together.
std::uint16_t xattr_units(const std::vector<std::uint8_t>& entries);
std::size_t xattr_size(const std::vector<std::uint8_t>& entries);

}  // namespace rkt::unpack::erofs
