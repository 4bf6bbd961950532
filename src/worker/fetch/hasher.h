// SPDX-License-Identifier: Apache-2.0
// SHA-256 and SHA-512 over a stream, with OpenSSL: blobs are bulk data.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace rkt::fetch {

class Hasher {
 public:
  /// `algorithm`: "sha256" or "sha512".
  explicit Hasher(std::string_view algorithm);
  void update(std::string_view bytes);
  void restart();
  /// "ALG:HEX" of what came since the start; then restarts.
  std::string digest();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::string algorithm_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace rkt::fetch
