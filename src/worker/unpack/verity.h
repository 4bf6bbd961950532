// SPDX-License-Identifier: Apache-2.0
// The fs-verity digest of a file that is being written (Linux, Documentation/filesystems/fsverity.rst: SHA-256, blocks
// of 4096 bytes, no salt). It identifies a tree file whether or not the file system can enforce it. Being a hash tree
// it can be made while blocks stream by, although the first block is known last.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct evp_md_ctx_st;

namespace rkt::unpack {

class VerityDigest {
 public:
  static constexpr std::size_t kBlock = 4096, kHash = 32;
  VerityDigest();
  /// The blocks after the first, in order. `bytes` is any number of whole blocks.
  void blocks(std::span<const std::uint8_t> bytes);
  /// The first block, last: "sha256:HEX" of the file. Once.
  std::string finish(std::span<const std::uint8_t> first_block);

 private:
  using Hash = std::array<std::uint8_t, kHash>;
  // One level of the tree. The hash with index 0 is not known before the end, so the block that it belongs to is kept.
  struct Level {
    std::array<std::uint8_t, kBlock> first{}, current{};
    std::uint64_t count = 1;  // hashes of this level, the missing one included
  };
  struct Free {
    void operator()(evp_md_ctx_st* ctx) const noexcept;
  };
  Hash hash(std::span<const std::uint8_t> bytes);
  void add(std::size_t level, const Hash& hash);

  std::unique_ptr<evp_md_ctx_st, Free> ctx_;
  std::vector<Level> levels_;
  std::uint64_t blocks_ = 1;
};

}  // namespace rkt::unpack
