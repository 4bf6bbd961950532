// SPDX-License-Identifier: Apache-2.0
// The framing of OpenPGP (RFC 4880, RFC 9580): ASCII armor, packets, and what a signature packet says about itself.
// Pure functions over bytes of an attacker; no cryptography. librnp reads the same bytes afterwards: only what both
// accept counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rkt::verify {

/// The bytes of every armored block "PGP LABEL" in `text`, one after the other; text around the blocks is skipped.
/// nullopt: there is no such block. Throws Errc::invalid for a block that is cut off, has foreign characters or a wrong
/// checksum.
std::optional<std::string> dearmor(std::string_view text, std::string_view label);

struct Packet {
  unsigned tag = 0;
  std::string_view body;
  std::string_view whole;  ///< header included
};
/// All packets of `bytes`, which must end where the last one ends. Throws Errc::invalid, also for partial and
/// indeterminate lengths: neither keys nor signatures may have them.
std::vector<Packet> read_packets(std::string_view bytes);

enum Tag : unsigned {
  kSignature = 2,
  kSecretKey = 5,
  kPublicKey = 6,
  kSecretSubkey = 7,
  kUserId = 13,
  kPublicSubkey = 14,
  kUserAttribute = 17
};

/// A version 4 signature packet.
struct SignatureFacts {
  std::uint8_t type = 0, hash = 0;          ///< algorithm numbers of the RFC
  std::uint32_t created = 0, lifetime = 0;  ///< seconds; lifetime 0: does not expire
  std::string key_id;                       ///< issuer, 16 lower-case hex digits, or ""
  std::string fingerprint;                  ///< issuer, 40 lower-case hex digits, or ""
  std::string packet;                       ///< the whole packet; set by read_signature_file
  bool expired_at(std::uint64_t now) const noexcept {
    return lifetime != 0 && now >= std::uint64_t{created} + lifetime;
  }
};
/// nullopt: another version, or malformed.
std::optional<SignatureFacts> read_signature(std::string_view body);

/// A detached signature file, sorted out.
struct SignatureFile {
  std::vector<SignatureFacts> usable;
  std::vector<SignatureFacts> weak;  ///< over MD5, SHA-1 or RIPEMD-160: never verified
};
/// Armored or binary. A file that holds anything but signature packets is no detached signature: nothing in it is
/// usable. Never throws for its content.
SignatureFile read_signature_file(std::string_view bytes);

/// Throws Errc::invalid when a key file has a private key in it, armored, PEM or binary, alone or beside public ones:
/// it was given by mistake, and nothing of it may be kept.
void refuse_private_keys(std::string_view bytes);

/// The public key packets of an armored or binary key file. Throws Errc::invalid.
std::string read_key_file(std::string_view bytes);

}  // namespace rkt::verify
