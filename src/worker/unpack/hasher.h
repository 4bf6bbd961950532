// SPDX-License-Identifier: Apache-2.0
// SHA-256 and SHA-512 of bulk data, with the processor's instructions for it (OpenSSL).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace rkt::unpack {

class Hasher {
 public:
  explicit Hasher(std::string_view algorithm);  ///< "sha256" or "sha512"; throws Errc::unsupported
  void update(std::span<const std::uint8_t> bytes);
  std::string hex();  ///< once, at the end

 private:
  struct Free {
    void operator()(evp_md_ctx_st* ctx) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, Free> ctx_;
};

/// "sha256:…" in its two halves. Throws Errc::invalid for another shape.
struct Digest {
  std::string algorithm, hex;
  static Digest parse(std::string_view text);
};

/// Hex digest of a whole file, read by offset from its start, with the algorithm of `expected`.
std::string file_digest(int file, const Digest& expected);

}  // namespace rkt::unpack
