// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/hasher.h"

#include <openssl/evp.h>

#include <array>
#include <cstdint>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::fetch {
namespace {

void check(int result) {
  if (result != 1) throw Error(Errc::system, "hash with libcrypto");
}

}  // namespace

void Hasher::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Hasher::Hasher(std::string_view algorithm) : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
  if (algorithm_ != "sha256" && algorithm_ != "sha512")
    throw Error(Errc::unsupported, cat("digest algorithm ", quoted(algorithm_)));
  restart();
}

void Hasher::restart() {
  check(EVP_DigestInit_ex(context_.get(), algorithm_ == "sha512" ? EVP_sha512() : EVP_sha256(), nullptr));
}

void Hasher::update(std::string_view bytes) { check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size())); }

std::string Hasher::digest() {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  check(EVP_DigestFinal_ex(context_.get(), out.data(), &size));
  restart();
  return cat(algorithm_, ":", to_hex({out.data(), size}));
}

}  // namespace rkt::fetch
