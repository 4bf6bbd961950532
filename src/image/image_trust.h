// SPDX-License-Identifier: Apache-2.0
// Whether a Docker/OCI image may be used: looks at the signatures that lie beside it, has the verify worker say which
// keys made them, and decides whether one of them counts. A signature counts when its key is trusted for the image's
// name, what it signs is the digest that was resolved (of the index, or of this platform's manifest), and it was made
// for the repository that was asked for, if its format names one. A policy can demand more, and brings keys for what it
// demands.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "image/demands.h"
#include "image/signature_search.h"
#include "keystore/keystore.h"

namespace rkt::image {

/// A good signature over one of the digests, and what it says.
struct Evidence {
  std::string key;                       ///< that made it: a fingerprint of the key store or of the policy
  std::optional<std::string> reference;  ///< what it was signed as; nullopt: its format names no image but the digest
};

/// Whether a signature for `reference` is one for the repository that was asked for. Pure.
bool is_for(const OciSubject& subject, const std::string& reference);

/// What the evidence comes to. Pure.
enum class Finding : std::uint8_t {
  accepted,
  other_identity,  ///< good signatures by trusted keys, but for other repositories
  policy           ///< a demand of the policy is not met
};
Finding decide(const OciSubject& subject, const std::vector<Evidence>& evidence,
               const std::vector<keystore::TrustedKey>& ring, const Demands& demands);

/// Whether the keys that once verified an image still do. Pure.
bool still_trusted(const std::vector<std::string_view>& signers, const std::vector<keystore::TrustedKey>& ring,
                   const Demands& demands);

/// The keys that vouch for it, separated by blanks: what ImageRecord::signed_by holds. Throws Errc::untrusted naming
/// the image, what is wrong and the remedy.
std::string verify_image(const keystore::Keystore& keys, const OciSubject& subject, SignatureSource& source);

}  // namespace rkt::image
