// SPDX-License-Identifier: Apache-2.0
// Whether a Docker/OCI image may be used: looks at the signatures that lie beside it, has the verify worker say which
// keys made them, and decides whether one of them counts. A signature counts when its key is trusted for the image's
// name, what it signs is the digest that was resolved (of the index, or of this platform's manifest), and it was made
// for the repository that was asked for.
#pragma once

#include <string>
#include <vector>

#include "image/attached.h"
#include "keystore/keystore.h"

namespace rkt::image {

/// What is to be vouched for.
struct OciSubject {
  std::string shown;                 ///< as the user named it, for messages
  std::string name;                  ///< of the image in the store: what keys are trusted for
  std::string repository;            ///< what a signature must say it is for
  bool registry = true;              ///< Docker Hub's names are one; of a layout the repository is any text
  std::vector<std::string> digests;  ///< what the reference named first; the manifest last
};

/// A good signature, and what it says.
struct Evidence {
  std::string key;  ///< that made it: a fingerprint of the key store
  oci::Claim claim;
};

/// How well one signature does; the best of all is what a refusal tells about.
enum class Fit : std::uint8_t { none, unknown_key, untrusted_key, other_digest, other_identity, good };
/// Of a signature by a trusted key. Pure.
Fit judge(const OciSubject& subject, const oci::Claim& claim);

/// The keys that vouch for it, separated by blanks: what ImageRecord::signed_by holds. Throws Errc::untrusted naming
/// the image, what is wrong and the remedy.
std::string verify_image(const keystore::Keystore& keys, const OciSubject& subject, SignatureSource& source);

}  // namespace rkt::image
