// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::unpack {
namespace {

std::size_t pread_full(int fd, std::span<std::uint8_t> into, std::uint64_t offset) {
  std::size_t got = 0;
  while (got < into.size()) {
    const ssize_t n = ::pread(fd, into.data() + got, into.size() - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("read the archive");
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  return got;
}

}  // namespace

ArchiveStream::ArchiveStream(int file, const StreamOptions& options) : file_(file), options_(options) {
  std::array<std::uint8_t, 512> head{};
  compression_ = sniff(std::span(head).first(pread_full(file, head, 0)));
  if (!options.tar_algorithm.empty()) tar_hash_.emplace(options.tar_algorithm);
  (void)::posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL);
  for (auto& b : blocks_) {
    b.bytes.resize(kBlock);
    free_.push_back(&b);
  }
  producer_ = std::thread([this] { produce(); });
}

ArchiveStream::~ArchiveStream() {
  {
    const std::lock_guard lock(mutex_);
    unwanted_ = true;
  }
  changed_.notify_all();
  if (producer_.joinable()) producer_.join();
}

void ArchiveStream::produce() noexcept {
  try {
    if (compression_ == Compression::tar)
      copy_all();
    else
      decode_all();
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
}

std::size_t ArchiveStream::read_file(std::span<std::uint8_t> into) {
  const std::size_t n = pread_full(file_, into, file_offset_);
  file_offset_ += n;
  return n;
}

void ArchiveStream::copy_all() {
  while (Block* block = free_block()) {
    block->used = read_file(block->bytes);
    if (block->used == 0) return;
    push(block);
  }
}

void ArchiveStream::decode_all() {
  const auto decoder = make_decoder(compression_);
  std::vector<std::uint8_t> buffer(kInput);
  std::span<std::uint8_t> in;
  bool last = false;
  while (Block* block = free_block()) {
    block->used = 0;
    bool finished = false;
    while (!finished && block->used < kBlock) {
      if (in.empty() && !last) {
        in = std::span(buffer).first(read_file(buffer));
        last = in.empty();
      }
      const auto step = decoder->step(in, std::span(block->bytes).subspan(block->used), last);
      in = in.subspan(step.used);
      block->used += step.made;
      finished = last && in.empty() && step.made == 0;
      if (!finished && !in.empty() && step.used == 0 && step.made == 0)
        throw Error(Errc::invalid,
                    cat(compression_name(compression_), " data is corrupt: nothing more can be decoded"));
    }
    made_ += block->used;
    check_ratio();
    if (block->used > 0) push(block);
    if (finished) return decoder->finish();
  }
}

void ArchiveStream::check_ratio() {
  const Limits& limits = options_.limits;
  if (made_ > limits.ratio_free && made_ / limits.ratio > file_offset_)
    throw Error(Errc::invalid, cat("archive expands to more than ", limits.ratio_free, " bytes and ", limits.ratio,
                                   " times its size: taken for a decompression bomb"));
}

ArchiveStream::Block* ArchiveStream::free_block() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return unwanted_ || !free_.empty(); });
  if (unwanted_) return nullptr;
  Block* block = free_.front();
  free_.pop_front();
  return block;
}

void ArchiveStream::push(Block* block) {
  {
    const std::lock_guard lock(mutex_);
    full_.push_back(block);
  }
  changed_.notify_all();
}

std::span<const std::uint8_t> ArchiveStream::next() {
  std::unique_lock lock(mutex_);
  if (current_ != nullptr) {
    free_.push_back(std::exchange(current_, nullptr));
    changed_.notify_all();
  }
  changed_.wait(lock, [&] { return done_ || !full_.empty(); });
  if (full_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    return {};
  }
  current_ = full_.front();
  full_.pop_front();
  lock.unlock();
  const auto bytes = std::span<const std::uint8_t>(current_->bytes).first(current_->used);
  if (tar_hash_) tar_hash_->update(bytes);
  tar_size_ += bytes.size();
  return bytes;
}

void ArchiveStream::drain() {
  while (!next().empty()) {
  }
}

std::string ArchiveStream::tar_digest() { return tar_hash_.value().hex(); }

}  // namespace rkt::unpack
