// SPDX-License-Identifier: Apache-2.0
// The on-disk format of EROFS, as far as ErofsTree writes it (Linux, fs/erofs/erofs_fs.h). Little endian; the
// structures below are the bytes on disk, so the host must be little endian too.
//
//   block 0      1024 zeros, superblock
//   data         contents of files, each from a block boundary; blocks of directories that do not fit beside their
//                inode
//   metadata     from meta_block on: inodes, numbered by their place in units of 32 bytes ("nid"), each followed by
//                its extended attributes and then by what is kept inline: a link's target, the last part of a
//                directory, or the block map of a file with holes. The first two are in the block of their inode.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace rkt::unpack::erofs {

static_assert(std::endian::native == std::endian::little);

inline constexpr std::size_t kBlock = 4096, kSuperOffset = 1024, kSlot = 32;
inline constexpr std::uint32_t kMagic = 0xE0F5E1E2, kNoBlock = 0xFFFFFFFF;
inline constexpr std::uint32_t kCompatChecksum = 1, kCompatMtime = 2, kIncompatChunks = 4;
inline constexpr unsigned kBlockBits = 12;

struct Super {
  std::uint32_t magic = kMagic, checksum = 0, compat = kCompatChecksum | kCompatMtime;
  std::uint8_t block_bits = kBlockBits, ext_slots = 0;
  std::uint16_t root_nid = 0;
  std::uint64_t inodes = 0;
  std::uint64_t build_time = 0;
  std::uint32_t build_time_nsec = 0, blocks = 0, meta_block = 0, xattr_block = 0;
  std::uint8_t uuid[16] = {}, volume[16] = {};
  std::uint32_t incompat = 0;
  std::uint8_t unused[44] = {};
};
static_assert(sizeof(Super) == 128);

enum class Layout : std::uint16_t { plain = 0, inline_tail = 2, chunks = 4 };

/// "Extended": 64-bit times, 32-bit owners and link counts.
struct Inode {
  std::uint16_t format = 0;       ///< layout << 1 | 1
  std::uint16_t xattr_units = 0;  ///< 0, or 1 + (size of the attributes - header) / 4
  std::uint16_t mode = 0, reserved = 0;
  std::uint64_t size = 0;
  std::uint32_t place = 0;  ///< first block, device number, or format of the block map
  std::uint32_t number = 0;
  std::uint32_t uid = 0, gid = 0;
  std::int64_t mtime = 0;
  std::uint32_t mtime_nsec = 0, links = 1;
  std::uint8_t reserved2[16] = {};
};
static_assert(sizeof(Inode) == 64);

struct XattrHeader {
  std::uint32_t name_filter = 0;
  std::uint8_t shared = 0, reserved[7] = {};
};
static_assert(sizeof(XattrHeader) == 12);

struct XattrEntry {
  std::uint8_t name_size = 0, prefix = 0;
  std::uint16_t value_size = 0;
};
static_assert(sizeof(XattrEntry) == 4);
inline constexpr std::uint8_t kPrefixUser = 1, kPrefixTrusted = 4, kPrefixSecurity = 6;

/// A directory block: these, sorted by name, then the names in the same order. The first one's name_offset tells how
/// many there are.
struct [[gnu::packed]] DirEntry {
  std::uint64_t nid = 0;
  std::uint16_t name_offset = 0;
  std::uint8_t type = 0, reserved = 0;
};
static_assert(sizeof(DirEntry) == 12);

enum FileType : std::uint8_t { kRegular = 1, kDirectory = 2, kChar = 3, kBlockDevice = 4, kFifo = 5, kLink = 7 };

constexpr std::uint64_t round_up(std::uint64_t n, std::uint64_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace rkt::unpack::erofs
