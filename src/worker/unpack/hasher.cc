// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/hasher.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::unpack {

void Hasher::Free::operator()(evp_md_ctx_st* ctx) const noexcept { EVP_MD_CTX_free(ctx); }

Hasher::Hasher(std::string_view algorithm) : ctx_(EVP_MD_CTX_new()) {
  const EVP_MD* md = algorithm == "sha256" ? EVP_sha256() : algorithm == "sha512" ? EVP_sha512() : nullptr;
  if (md == nullptr) throw Error(Errc::unsupported, cat("digest algorithm ", quoted(algorithm), " is not supported"));
  if (!ctx_ || EVP_DigestInit_ex(ctx_.get(), md, nullptr) != 1) throw Error(Errc::system, "start a digest");
}

void Hasher::update(std::span<const std::uint8_t> bytes) {
  if (EVP_DigestUpdate(ctx_.get(), bytes.data(), bytes.size()) != 1) throw Error(Errc::system, "update a digest");
}

std::string Hasher::hex() {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  if (EVP_DigestFinal_ex(ctx_.get(), out.data(), &size) != 1) throw Error(Errc::system, "finish a digest");
  return to_hex(std::span(out).first(size));
}

std::string file_digest(int file, const Digest& expected) {
  Hasher hasher(expected.algorithm);
  std::vector<std::uint8_t> buf(std::size_t{256} << 10);
  for (off_t at = 0;;) {
    const ssize_t n = ::pread(file, buf.data(), buf.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("read a blob");
    if (n == 0) return hasher.hex();
    hasher.update(std::span(buf).first(static_cast<std::size_t>(n)));
    at += n;
  }
}

Digest Digest::parse(std::string_view text) {
  const auto colon = text.find(':');
  const auto hex = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  const bool good = std::ranges::all_of(hex, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (hex.empty() || !good) throw Error(Errc::invalid, cat("digest ", quoted(text), " is malformed"));
  return {std::string(text.substr(0, colon)), std::string(hex)};
}

}  // namespace rkt::unpack
