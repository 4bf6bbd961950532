// SPDX-License-Identifier: Apache-2.0
#include "sys/digest.h"

#include <sha2.h>

#include <array>

#include "base/strings.h"

namespace rkt {

std::string sha256_hex(std::string_view bytes) {
  SHA2_CTX ctx;
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> out;
  SHA256Init(&ctx);
  SHA256Update(&ctx, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  SHA256Final(out.data(), &ctx);
  return to_hex(out);
}

std::string sha512_hex(std::string_view bytes) {
  SHA2_CTX ctx;
  std::array<std::uint8_t, SHA512_DIGEST_LENGTH> out;
  SHA512Init(&ctx);
  SHA512Update(&ctx, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  SHA512Final(out.data(), &ctx);
  return to_hex(out);
}

}  // namespace rkt
