// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/name_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "sys/file.h"

namespace rkt::unpack {
namespace {

// SipHash-2-4 (Aumasson, Bernstein), over a number and a text.
class SipHash {
 public:
  SipHash(std::uint64_t k0, std::uint64_t k1)
      : v_{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573} {}
  void word(std::uint64_t m) {
    v_[3] ^= m;
    round();
    round();
    v_[0] ^= m;
  }
  std::uint64_t finish() {
    v_[2] ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  }

 private:
  void round() {
    v_[0] += v_[1];
    v_[2] += v_[3];
    v_[1] = std::rotl(v_[1], 13) ^ v_[0];
    v_[3] = std::rotl(v_[3], 16) ^ v_[2];
    v_[0] = std::rotl(v_[0], 32);
    v_[2] += v_[1];
    v_[0] += v_[3];
    v_[1] = std::rotl(v_[1], 17) ^ v_[2];
    v_[3] = std::rotl(v_[3], 21) ^ v_[0];
    v_[2] = std::rotl(v_[2], 32);
  }
  std::array<std::uint64_t, 4> v_;
};

}  // namespace

NameTable::NameTable() : slots_(1024, kNone) {
  fill_random({reinterpret_cast<std::uint8_t*>(key_.data()), sizeof key_});
}

std::uint64_t NameTable::hash(std::uint32_t parent, std::string_view name) const {
  SipHash sip(key_[0], key_[1]);
  sip.word(std::uint64_t{parent} << 32 | name.size());
  while (!name.empty()) {
    std::uint64_t word = 0;
    const std::size_t n = std::min(name.size(), sizeof word);
    std::memcpy(&word, name.data(), n);
    sip.word(word);
    name.remove_prefix(n);
  }
  return sip.finish();
}

std::uint32_t NameTable::find(std::uint32_t parent, std::string_view name) const {
  for (std::size_t slot = hash(parent, name);; ++slot) {
    const std::uint32_t index = slots_[slot % slots_.size()];
    if (index == kNone) return kNone;
    if (index == kGone) continue;
    const Entry& entry = entries_[index];
    if (entry.parent == parent && this->name(entry) == name) return index;
  }
}

void NameTable::insert(std::uint32_t index) {
  std::size_t slot = hash(entries_[index].parent, name(entries_[index]));
  while (slots_[slot % slots_.size()] != kNone) ++slot;
  slots_[slot % slots_.size()] = index;
  ++taken_;
}

void NameTable::grow() {
  const std::size_t size = slots_.size() * 2;
  slots_.clear();
  slots_.shrink_to_fit();  // the old table is not needed to make the new one
  slots_.assign(size, kNone);
  taken_ = 0;
  for (std::uint32_t i = 0; i < entries_.size(); ++i)
    if (!entries_[i].removed) insert(i);
}

std::uint32_t NameTable::add(std::uint32_t parent, std::string_view name, std::uint8_t type, std::uint32_t target) {
  if (taken_ * 4 >= slots_.size() * 3) grow();
  const auto size = static_cast<std::uint32_t>(name.size());
  if (names_end_ % kChunk + size > kChunk || names_end_ % kChunk == 0) {
    names_end_ = static_cast<std::uint32_t>(names_.size()) * kChunk;
    names_.emplace_back();
  }
  std::ranges::copy(name, names_.back().begin() + names_end_ % kChunk);
  entries_.push_back({.parent = parent,
                      .target = target,
                      .name_at = names_end_,
                      .name_size = static_cast<std::uint8_t>(size),
                      .type = type});
  names_end_ += size;
  const std::uint32_t index = this->size() - 1;
  insert(index);
  return index;
}

void NameTable::remove(std::uint32_t index) {
  Entry& entry = entries_[index];
  std::size_t slot = hash(entry.parent, name(entry));
  while (slots_[slot % slots_.size()] != index) ++slot;
  slots_[slot % slots_.size()] = kGone;
  entry.removed = true;
}

std::size_t NameTable::memory() const noexcept {
  return entries_.size() * sizeof(Entry) + names_.size() * kChunk + slots_.size() * sizeof(slots_[0]);
}

}  // namespace rkt::unpack
