// SPDX-License-Identifier: Apache-2.0
// Whether an image may be used: the verify worker says which key signed, the key store says which keys count for a
// name, and this decides. Used for what arrives and, without any cryptography, for what is in the store already: an
// image that was stored unverified, or whose key is no longer trusted for its name, is not accepted by a command that
// verifies.
#pragma once

#include <map>
#include <string>

#include "image/image_trust.h"
#include "image/insecure.h"
#include "image/pull_plan.h"
#include "image/verify_client.h"
#include "keystore/keystore.h"
#include "schema/appc/image_manifest.h"
#include "store/store.h"

namespace rkt::image {

class TrustCheck {
 public:
  /// Borrows `keys`; null only with insecure.image.
  TrustCheck(const keystore::Keystore* keys, const Insecure& insecure);

  bool required() const noexcept { return keys_ != nullptr; }
  /// The keys that vouch for a Docker/OCI image, as verify_image(); "" with verification off.
  std::string vouch_for(const OciSubject& subject, SignatureSource& source) const {
    return required() ? verify_image(*keys_, subject, source) : std::string{};
  }
  /// Whether a policy demands something of it, so that the tag it is asked for by may matter.
  bool policy_demands(const OciSubject& subject) const;
  /// Cheap: reads the ring's key files, no cryptography.
  Standing standing(const store::ImageRecord& record) const;
  /// Why a record that is not accepted is not usable: names the image, the key and the remedy.
  Error refusal_of(const store::ImageRecord& record) const;

  /// Refuses before a download starts when no key of the ring for `name` can have made the signature.
  void check_issuer_for(const std::string& signature, const std::string& name) const;
  /// Verifies the file (as downloaded) for an image of that name; prints who signed. Returns the fingerprint.
  std::string verify(int file, const std::string& signature, const std::string& name) const;

 private:
  std::string policy_objection(const store::ImageRecord& record) const;
  [[noreturn]] void refuse(const Verdict& verdict, const std::string& name) const;
  const keystore::Keystore* keys_;
  const std::optional<keystore::Policy>& policy() const;
  mutable std::optional<std::optional<keystore::Policy>> policy_;  ///< read when first needed
};

/// A verified image must be what was asked for: its name, and every requested label (the defaulted os and arch among
/// them).
void check_identity(const appc::ImageManifest& manifest, const std::string& name,
                    const std::map<std::string, std::string>& labels);

}  // namespace rkt::image
