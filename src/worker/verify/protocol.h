// SPDX-License-Identifier: Apache-2.0
// What rkt (src/image/verify_client) and libexec/rkt/verify have agreed on. One request a process, on the channel at
// descriptor 3; files travel as descriptors, in this order:
//
//   {"op":"verify","keys":[{"name":FPR,"size":N},…]}   signature, keys (files one after the other), data
//   {"op":"issuer","keys":[…]}                         signature, keys
//   {"op":"plain","keys":[{"name":"sha256:HEX",…},…]}  raw signature, keys (PEM), data: plain.h
//   {"op":"message","keys":[…]}                        signed OpenPGP message, keys, output (its content)
//   {"op":"inspect"}                                   key file, output (armored keys are written to it, one by one)
//
// Answers to verify, issuer, plain and message, one:
//   {"why":W,"fingerprint":F,"identities":[…],"unusable":[{"index":N,"found":F},…]}
// to inspect, one a key, and after the last {"end":true}:
//   {"fingerprint":F,"subkeys":[…],"revoked":[…],"identities":[…],"size":N}
// When something went wrong ("invalid": the bytes that were handed in are to blame):
//   {"error":TEXT,"invalid":B}
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rkt::verify {

/// How a signature fared; the order of the names below.
enum class Why : std::uint8_t {
  ok,
  unknown_issuer,
  bad_signature,
  expired_key,
  revoked_key,
  expired_signature,
  no_signature,
  weak_hash,
  text_mode  ///< bad, and made over text, whose line ends and blanks signers change in several ways
};

inline constexpr std::array<std::string_view, 9> kWhyNames = {"ok",           "unknown_issuer", "bad_signature",
                                                              "expired_key",  "revoked_key",    "expired_signature",
                                                              "no_signature", "weak_hash",      "text_mode"};

constexpr std::string_view why_name(Why why) noexcept { return kWhyNames[static_cast<std::size_t>(why)]; }

constexpr std::optional<Why> parse_why(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kWhyNames.size(); ++i)
    if (kWhyNames[i] == name) return static_cast<Why>(i);
  return std::nullopt;
}

// Bounds that both sides hold. A signature or key beyond them is refused, not cut.
inline constexpr std::size_t kMaxSignatureBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxKeyFileBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxPayloadBytes = std::size_t{4} << 20;  ///< what a plain signature is over
inline constexpr std::size_t kMaxRing = 512;       ///< key files a request, so that their names fit into one message
inline constexpr std::size_t kMaxSignatures = 32;  ///< signature packets a file
inline constexpr std::size_t kMaxKeysInFile = 32;  ///< primary keys a file
inline constexpr std::size_t kMaxSubkeys = 64;
// These are cut: nobody may make a key unusable by adding user ids to it. 32 * 200 bytes fit a message even when every
// byte is escaped.
inline constexpr std::size_t kMaxIdentities = 32;
inline constexpr std::size_t kMaxIdentityBytes = 200;

}  // namespace rkt::verify
