// SPDX-License-Identifier: Apache-2.0
// Plain public keys (PEM, SubjectPublicKeyInfo) and raw signatures over bytes, with OpenSSL: what cosign and Sigstore
// bundles without certificates use. A key is called "sha256:HEX" after its DER SubjectPublicKeyInfo.
//
// Algorithms: ECDSA over P-256, P-384, P-521 (ASN.1 signature; SHA-256, and the digest of the curve's size), Ed25519,
// and RSA of at least 2048 bits (SHA-256; PKCS #1 v1.5 or PSS).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "worker/verify/verify.h"

namespace rkt::verify {

/// Any PEM block of a public key; what may be an OpenPGP block is none.
bool is_pem_key_file(std::string_view bytes) noexcept;

/// The one public key of a PEM file. Throws Errc::invalid when there is none, more than one, or of a kind that is not
/// accepted.
KeyFacts inspect_pem(std::string_view key_file);

/// Which key of the ring (RingFile::name is "sha256:HEX") made this signature over `data`: a plain signature does not
/// say who made it, so that all are tried. unknown_issuer: none did, which cannot be told from tampering.
Result verify_plain(std::string_view data, std::string_view signature, const std::vector<RingFile>& ring);

}  // namespace rkt::verify
