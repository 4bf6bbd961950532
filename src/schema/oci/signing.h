// SPDX-License-Identifier: Apache-2.0
// Documents of signatures of Docker and OCI images: simple-signing payloads (of OpenPGP and of cosign), the manifests
// that cosign attaches as the tag sha256-HEX.sig or as a referrer; bundle.h has its newer form. What is read here is a
// stranger's until a signature over it was verified; nothing here verifies.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/oci/image.h"

namespace rkt::oci {

inline constexpr std::size_t kMaxSignatureDocument = std::size_t{1} << 20;
inline constexpr std::size_t kMaxAttached = 128;  ///< signatures of one image that are looked at

inline constexpr std::string_view kCosignType = "cosign container image signature";
inline constexpr std::string_view kSimpleSigningType = "atomic container signature";
inline constexpr std::string_view kCosignLayer = "application/vnd.dev.cosign.simplesigning.v1+json";
inline constexpr std::string_view kCosignSignature = "dev.cosignproject.cosign/signature";
inline constexpr std::string_view kCosignCertificate = "dev.sigstore.cosign/certificate";

/// What a simple-signing payload says.
struct Claim {
  std::string type;       ///< kCosignType or kSimpleSigningType
  std::string digest;     ///< of the manifest that was signed
  std::string reference;  ///< docker-reference: what it was signed as, with or without a tag
};
/// Throws Errc::invalid, also for other types.
Claim parse_claim(std::string_view payload);
/// The payload that cosign makes, without optional members.
std::string write_claim(const Claim& claim);

/// One layer of a cosign signature manifest.
struct AttachedSignature {
  Descriptor payload;
  std::string signature;     ///< raw
  bool certificate = false;  ///< comes with one: may be by its key
};
/// Layers that are no cosign payload, or without a signature, are left out; so are those beyond kMaxAttached.
std::vector<AttachedSignature> attached_signatures(const Manifest& manifest);

/// "sha256-HEX" and what cosign adds: ".sig".
std::string referrers_tag(std::string_view digest);
std::string signature_tag(std::string_view digest);
/// Whether a name in an index.json is one of those tags: such an entry is no image of the layout.
bool is_signature_tag(std::string_view name);

/// Without tag and digest: "docker.io/library/redis:7@sha256:…" -> "docker.io/library/redis".
std::string repository_of(std::string_view reference);
/// The same for what may be written in several ways: Docker Hub has three host names. "" for what is no reference.
std::string canonical_repository(std::string_view reference);

}  // namespace rkt::oci
