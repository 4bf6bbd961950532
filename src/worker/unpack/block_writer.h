// SPDX-License-Identifier: Apache-2.0
// Files that ErofsTree writes: the image, block after block, and the inodes that wait for their place in it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "worker/unpack/erofs_format.h"
#include "worker/unpack/verity.h"

namespace rkt::unpack {

/// The image file from its second block on, in one sequential write, hashed on the way. `file` is borrowed.
class BlockWriter {
 public:
  explicit BlockWriter(int file);
  void append(std::span<const std::uint8_t> bytes);
  void append_zeros(std::uint64_t n);
  void pad();  ///< zeros up to the next block
  /// The block that the next byte goes to, after pad(). Throws Errc::unsupported where numbers of blocks end.
  std::uint32_t block() const;
  /// Writes the first block, last. Returns the digest of the whole file.
  std::string finish(std::span<const std::uint8_t> first_block);

 private:
  void flush();

  int file_;
  std::vector<std::uint8_t> buffer_;
  std::size_t used_ = 0;
  std::uint64_t written_ = erofs::kBlock;
  VerityDigest digest_;
};

/// Bytes that can still be changed: in memory, or once there are many in the file `scratch` (borrowed).
class Spool {
 public:
  explicit Spool(int scratch) : scratch_(scratch) {}
  std::uint64_t size() const noexcept { return spilled_ + tail_.size(); }
  void append(std::span<const std::uint8_t> bytes);
  void append_zeros(std::uint64_t n);
  void read(std::uint64_t at, std::span<std::uint8_t> into) const;
  void change(std::uint64_t at, std::span<const std::uint8_t> bytes);
  void copy_to(BlockWriter& out) const;

 private:
  static constexpr std::size_t kInMemory = std::size_t{2} << 20;

  int scratch_;
  std::uint64_t spilled_ = 0;       // bytes in the file
  std::vector<std::uint8_t> tail_;  // what follows them
};

}  // namespace rkt::unpack
