// SPDX-License-Identifier: Apache-2.0
// All names of a tree that is being made, in little memory: some 40 bytes and the name itself each. Directories are
// numbers, the root is 0. Found by a keyed hash, so that no archive can choose names that collide.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

namespace rkt::unpack {

class NameTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  struct Entry {
    std::uint32_t parent = 0, target = 0;  ///< target: what the owner of the table wants to know
    std::uint32_t name_at = 0;
    std::uint8_t name_size = 0, type = 0;
    bool removed = false;
  };

  NameTable();
  std::uint32_t find(std::uint32_t parent, std::string_view name) const;  ///< kNone: not there
  /// `name` is not in `parent`, and no longer than 255 bytes. Throws Errc::unsupported when there are too many.
  std::uint32_t add(std::uint32_t parent, std::string_view name, std::uint8_t type, std::uint32_t target);
  void remove(std::uint32_t index);
  Entry& at(std::uint32_t index) { return entries_[index]; }
  const Entry& at(std::uint32_t index) const { return entries_[index]; }
  std::string_view name(const Entry& entry) const {
    return {names_[entry.name_at / kChunk].data() + entry.name_at % kChunk, entry.name_size};
  }
  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(entries_.size()); }  ///< removed ones too
  std::size_t memory() const noexcept;

 private:
  static constexpr std::uint32_t kChunk = 1U << 16, kGone = 0xFFFFFFFE;
  std::uint64_t hash(std::uint32_t parent, std::string_view name) const;
  void grow();
  void insert(std::uint32_t index);

  std::array<std::uint64_t, 2> key_{};
  std::deque<Entry> entries_;
  std::deque<std::array<char, kChunk>> names_;
  std::uint32_t names_end_ = 0;
  std::vector<std::uint32_t> slots_;  // open addressing: index of an entry, kNone or kGone
  std::size_t taken_ = 0;             // slots that are not kNone
};

}  // namespace rkt::unpack
