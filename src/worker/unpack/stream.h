// SPDX-License-Identifier: Apache-2.0
// A compressed archive file as a stream of tar bytes, hashed in the same pass.
//
//   producer thread: read the file -> decompress   --blocks-->   consumer: hash the tar -> parse -> write
//
// A fixed set of blocks goes round, so memory does not depend on the archive. Every byte of the tar (what follows its
// end mark too) is part of the digest.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "worker/unpack/decoder.h"
#include "worker/unpack/hasher.h"
#include "worker/unpack/protocol.h"

namespace rkt::unpack {

struct StreamOptions {
  std::string tar_algorithm;  ///< digest of the decompressed bytes; "": none
  Limits limits = {};         ///< of them the ratio
};

class ArchiveStream {
 public:
  /// Starts the producer. `file` is borrowed, read from its start by offset. Throws when the file is no known format.
  ArchiveStream(int file, const StreamOptions& options);
  ~ArchiveStream();
  ArchiveStream(const ArchiveStream&) = delete;
  ArchiveStream& operator=(const ArchiveStream&) = delete;

  Compression compression() const noexcept { return compression_; }
  /// The next tar bytes, valid until the next call; empty at the end. Throws what the producer threw.
  std::span<const std::uint8_t> next();
  /// Reads what is left; to be called before the digest is asked for.
  void drain();
  std::uint64_t tar_size() const noexcept { return tar_size_; }
  std::string tar_digest();

 private:
  static constexpr std::size_t kBlock = std::size_t{512} << 10, kBlocks = 6, kInput = std::size_t{256} << 10;
  struct Block {
    std::vector<std::uint8_t> bytes;
    std::size_t used = 0;
  };

  void produce() noexcept;
  void decode_all();
  void copy_all();
  std::size_t read_file(std::span<std::uint8_t> into);
  Block* free_block();  // nullptr: the consumer wants no more
  void push(Block* block);
  void check_ratio();

  int file_;
  StreamOptions options_;
  Compression compression_ = Compression::tar;
  std::optional<Hasher> tar_hash_;
  std::uint64_t file_offset_ = 0, made_ = 0, tar_size_ = 0;  // the first two belong to the producer

  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<Block, kBlocks> blocks_;
  std::deque<Block*> free_, full_;
  Block* current_ = nullptr;  // what next() returned last
  bool done_ = false;         // the producer will push nothing more
  bool unwanted_ = false;     // the consumer will take nothing more
  std::exception_ptr failure_;
  std::thread producer_;
};

}  // namespace rkt::unpack
