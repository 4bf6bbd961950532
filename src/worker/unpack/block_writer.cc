// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/block_writer.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "sys/write_at.h"

namespace rkt::unpack {
namespace {

using erofs::kBlock;

constexpr std::string_view kWriting = "write the tree";
constexpr std::size_t kWriteSize = std::size_t{512} << 10;
constexpr std::array<std::uint8_t, kBlock> kZeros{};

void read_at(int file, std::span<std::uint8_t> into, std::uint64_t at) {
  while (!into.empty()) {
    const ssize_t n = ::pread(file, into.data(), into.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw Error::from_errno("read the scratch file of a tree", n == 0 ? EIO : errno);
    into = into.subspan(static_cast<std::size_t>(n));
    at += static_cast<std::uint64_t>(n);
  }
}

}  // namespace

BlockWriter::BlockWriter(int file) : file_(file), buffer_(kWriteSize) {}

void BlockWriter::flush() {
  const auto bytes = std::span<const std::uint8_t>(buffer_).first(used_);
  digest_.blocks(bytes);
  write_at(file_, bytes, written_, kWriting);
  written_ += used_;
  used_ = 0;
}

void BlockWriter::append(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), buffer_.size() - used_));
    std::memcpy(buffer_.data() + used_, piece.data(), piece.size());
    used_ += piece.size();
    bytes = bytes.subspan(piece.size());
    if (used_ == buffer_.size()) flush();
  }
}

void BlockWriter::append_zeros(std::uint64_t n) {
  while (n > 0) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(n, kZeros.size()));
    append(std::span(kZeros).first(piece));
    n -= piece;
  }
}

void BlockWriter::pad() {
  if (used_ % kBlock != 0) append_zeros(kBlock - used_ % kBlock);
}

std::uint32_t BlockWriter::block() const {
  const std::uint64_t block = (written_ + used_) / kBlock;
  if (block >= erofs::kNoBlock) throw Error(Errc::unsupported, "the tree is too large for one file");
  return static_cast<std::uint32_t>(block);
}

std::string BlockWriter::finish(std::span<const std::uint8_t> first_block) {
  pad();
  flush();
  write_at(file_, first_block, 0, kWriting);
  return digest_.finish(first_block);
}

void Spool::append(std::span<const std::uint8_t> bytes) {
  tail_.insert(tail_.end(), bytes.begin(), bytes.end());
  if (tail_.size() < kInMemory) return;
  write_at(scratch_, tail_, spilled_, kWriting);
  spilled_ += tail_.size();
  tail_.clear();
}

void Spool::append_zeros(std::uint64_t n) {
  for (; n > 0; n -= std::min<std::uint64_t>(n, kZeros.size()))
    append(std::span(kZeros).first(static_cast<std::size_t>(std::min<std::uint64_t>(n, kZeros.size()))));
}

void Spool::read(std::uint64_t at, std::span<std::uint8_t> into) const {
  if (at < spilled_) {
    const auto there = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), spilled_ - at));
    read_at(scratch_, into.first(there), at);
    into = into.subspan(there);
    at += there;
  }
  if (!into.empty())
    std::ranges::copy_n(tail_.begin() + static_cast<std::ptrdiff_t>(at - spilled_),
                        static_cast<std::ptrdiff_t>(into.size()), into.begin());
}

void Spool::change(std::uint64_t at, std::span<const std::uint8_t> bytes) {
  if (at < spilled_) {
    const auto there = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), spilled_ - at));
    write_at(scratch_, bytes.first(there), at, kWriting);
    bytes = bytes.subspan(there);
    at += there;
  }
  if (!bytes.empty()) std::ranges::copy(bytes, tail_.begin() + static_cast<std::ptrdiff_t>(at - spilled_));
}

void Spool::copy_to(BlockWriter& out) const {
  std::vector<std::uint8_t> piece(std::size_t{256} << 10);
  for (std::uint64_t at = 0; at < size();) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), size() - at));
    read(at, std::span(piece).first(n));
    out.append(std::span<const std::uint8_t>(piece).first(n));
    at += n;
  }
}

}  // namespace rkt::unpack
