// SPDX-License-Identifier: Apache-2.0
// The fixed and extended headers of tar, as pure functions from bytes: v7, ustar, star and GNU blocks, pax records,
// sparse maps.
//
// The reader is our own since libarchive converts the names of pax headers to the locale's character set: in a UTF-8
// locale it normalises them (which renames files), in any other it loses the targets of links. Names in an image are
// bytes.
#pragma once

#include <time.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rkt::unpack {

inline constexpr std::size_t kTarBlock = 512;

/// A run of content in a sparse file; what is between runs is a hole.
struct Extent {
  std::uint64_t offset = 0, size = 0;
};

/// One 512 byte header, numbers decoded.
struct TarHeader {
  char type = '0';
  std::string name, link;
  std::uint32_t mode = 0;
  std::int64_t uid = 0, gid = 0, mtime = 0;
  std::uint64_t size = 0;  ///< of what follows in the archive
  std::int64_t device_major = 0, device_minor = 0;
  /// Type 'S' (old GNU sparse): the first extents, the size of the file, and whether a block with more follows.
  std::vector<Extent> extents;
  std::uint64_t real_size = 0;
  bool more_extents = false;
};
/// Throws Errc::invalid for a wrong checksum or a number that is none.
TarHeader parse_tar_header(std::span<const std::uint8_t> block);
bool is_zero_block(std::span<const std::uint8_t> block);
/// A continuation of `extents`; returns whether another follows.
bool parse_more_extents(std::span<const std::uint8_t> block, std::vector<Extent>& extents);

/// The GNU.sparse.* keywords of a pax header.
struct PaxSparse {
  bool map_in_data = false;  ///< version 1.0
  std::optional<std::string> name;
  std::optional<std::uint64_t> real_size;
  std::vector<Extent> extents;  ///< versions 0.0 and 0.1
};

/// What a pax header says about the entry that follows it.
struct PaxHeader {
  std::optional<std::string> path, link_path;
  std::optional<std::uint64_t> size;
  std::optional<std::int64_t> uid, gid;
  std::optional<timespec> mtime, atime;
  std::vector<std::pair<std::string, std::string>> xattrs;
  std::optional<PaxSparse> sparse;
};
/// Throws Errc::invalid for a malformed record. Unknown keywords are ignored, as POSIX says.
PaxHeader parse_pax(std::string_view text);

/// "-12.5" as {-13, 500000000}; digits beyond nanoseconds are cut off.
std::optional<timespec> parse_pax_time(std::string_view text);

/// Checks that extents ascend, stay within `real_size`, and carry `stored` bytes altogether. Throws Errc::invalid.
void check_extents(const std::vector<Extent>& extents, std::uint64_t real_size, std::uint64_t stored);

[[noreturn]] void bad_tar(std::string_view why);  ///< what all of these throw

inline constexpr std::size_t kMaxExtents = 1'000'000;

}  // namespace rkt::unpack
