// SPDX-License-Identifier: Apache-2.0
// Sigstore bundles (application/vnd.dev.sigstore.bundle.v0.3+json and its three elder spellings): what newer cosign
// attaches to an image as a referrer. A bundle holds one signature: over an in-toto statement inside a DSSE envelope,
// or over the manifest itself. What is read here is a stranger's until the signature was verified; nothing here
// verifies.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rkt::oci {

inline constexpr std::string_view kSignPredicate = "https://sigstore.dev/cosign/sign/v1";
inline constexpr std::string_view kPredicateAnnotation = "dev.sigstore.bundle.predicateType";

/// Of a bundle, in any version: as artifactType, and as the type of a layer.
bool is_bundle_type(std::string_view media_type);
/// What a manifest with a bundle says that is about, in its annotations; "" when it does not. Throws Errc::invalid.
std::string stated_predicate(std::string_view manifest);

struct Bundle {
  std::string signature;     ///< raw
  bool envelope = false;     ///< over `payload` in its envelope; else over the manifest that it is attached to
  std::string payload;       ///< of the envelope
  std::string payload_type;  ///< of the envelope
  bool certificate = false;  ///< by the key in a certificate, which nobody has trusted: keyless signing
};
/// Throws Errc::invalid, and Errc::unsupported for another version.
Bundle parse_bundle(std::string_view bytes);

/// The bytes that an envelope's signature is over (DSSE: the pre-authentication encoding).
std::string envelope_bytes(std::string_view payload_type, std::string_view payload);

/// An in-toto statement.
struct Statement {
  std::string predicate_type;
  struct Subject {
    std::string name;                  ///< "" when it has none
    std::vector<std::string> digests;  ///< "ALG:HEX", of the algorithms that can be checked
  };
  std::vector<Subject> subjects;
};
/// Throws Errc::invalid.
Statement parse_statement(std::string_view payload);

}  // namespace rkt::oci
