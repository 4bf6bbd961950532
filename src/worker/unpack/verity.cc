// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/verity.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::unpack {
namespace {

constexpr std::uint64_t kFan = VerityDigest::kBlock / VerityDigest::kHash;

// struct fsverity_descriptor, without a signature.
struct Descriptor {
  std::uint8_t version = 1, algorithm = 1, log_block = 12, salt_size = 0;
  std::uint32_t reserved = 0;
  std::uint64_t size = 0;
  std::uint8_t root[64] = {}, salt[32] = {}, reserved2[144] = {};
};
static_assert(sizeof(Descriptor) == 256);

template <class T>
std::span<const std::uint8_t> bytes_of(const T& object) {
  return {reinterpret_cast<const std::uint8_t*>(&object), sizeof object};
}

}  // namespace

void VerityDigest::Free::operator()(evp_md_ctx_st* ctx) const noexcept { EVP_MD_CTX_free(ctx); }

VerityDigest::VerityDigest() : ctx_(EVP_MD_CTX_new()) {
  if (!ctx_ || EVP_DigestInit_ex(ctx_.get(), EVP_sha256(), nullptr) != 1) throw Error(Errc::system, "start a digest");
}

VerityDigest::Hash VerityDigest::hash(std::span<const std::uint8_t> bytes) {
  Hash out{};
  if (EVP_DigestInit_ex(ctx_.get(), nullptr, nullptr) != 1 ||
      EVP_DigestUpdate(ctx_.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(ctx_.get(), out.data(), nullptr) != 1)
    throw Error(Errc::system, "make a digest");
  return out;
}

void VerityDigest::blocks(std::span<const std::uint8_t> bytes) {
  for (; !bytes.empty(); bytes = bytes.subspan(kBlock)) {
    add(0, hash(bytes.first(kBlock)));
    ++blocks_;
  }
}

void VerityDigest::add(std::size_t level, const Hash& hash_of_block) {
  if (level == levels_.size()) levels_.emplace_back();
  const std::uint64_t index = levels_[level].count++;
  auto& block = index < kFan ? levels_[level].first : levels_[level].current;
  std::ranges::copy(hash_of_block, block.begin() + static_cast<std::ptrdiff_t>(index % kFan * kHash));
  if (index < kFan || index % kFan != kFan - 1) return;
  const Hash up = hash(levels_[level].current);
  levels_[level].current.fill(0);
  add(level + 1, up);
}

std::string VerityDigest::finish(std::span<const std::uint8_t> first_block) {
  Hash pending = hash(first_block);
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    std::ranges::copy(pending, levels_[level].first.begin());
    const std::uint64_t count = levels_[level].count;
    if (count > kFan && count % kFan != 0) add(level + 1, hash(levels_[level].current));
    pending = hash(levels_[level].first);
  }
  Descriptor descriptor;
  descriptor.size = blocks_ * kBlock;
  std::ranges::copy(pending, descriptor.root);
  return cat("sha256:", to_hex(hash(bytes_of(descriptor))));
}

}  // namespace rkt::unpack
