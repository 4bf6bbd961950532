// SPDX-License-Identifier: Apache-2.0
// Signatures with a private key in a PEM file (PKCS #8, SEC 1, PKCS #1; not encrypted), with OpenSSL: the kinds of keys
// that libexec/rkt/verify accepts. What libexec/rkt/sign does, one request a process, on the channel at descriptor 3:
//
//   {"op":"sign"}    descriptors: the private key, the bytes to be signed
//   answer           {"signature":BASE64,"key":"sha256:HEX"}, or {"error":TEXT}
#pragma once

#include <string>
#include <string_view>

namespace rkt::sign {

inline constexpr std::size_t kMaxKey = std::size_t{64} << 10;
inline constexpr std::size_t kMaxPayload = std::size_t{1} << 20;

struct Signature {
  std::string bytes;
  std::string key;  ///< the public half as trust calls it
};
/// Throws Errc::invalid for what is no such key; no error ever says anything of the key.
Signature sign(std::string_view private_key, std::string_view payload);

}  // namespace rkt::sign
