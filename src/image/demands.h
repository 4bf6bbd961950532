// SPDX-License-Identifier: Apache-2.0
// What is to be vouched for, and what policy.json demands of it beyond the key store's rule.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "keystore/keystore.h"
#include "keystore/policy.h"
#include "schema/oci/image.h"
#include "store/store.h"

namespace rkt::image {

/// A Docker/OCI image as it was asked for.
struct OciSubject {
  std::string shown;                 ///< as the user named it, for messages
  std::string name;                  ///< of the image in the store: what keys are trusted for
  std::string repository;            ///< what a signature must say it is for, as people write it
  bool registry = true;              ///< Docker Hub's names are one; of a layout the repository is any text
  std::vector<std::string> digests;  ///< what the reference named first; the manifest last
  keystore::ImageReference asked;    ///< what policy.json compares with
  std::string transport;             ///< of policy.json: docker, oci, oci-archive
  std::vector<std::string> scopes;   ///< of policy.json, most specific first
};
/// `typed`: docker:// left out.
OciSubject registry_subject(const oci::Reference& ref, const std::string& typed, std::vector<std::string> digests);
/// `name`, `tag`: as layout_name() says.
OciSubject layout_subject(const std::string& path, const std::string& reference, bool archive, const std::string& name,
                          const std::string& tag, std::vector<std::string> digests);
/// What the record still knows. The path of a layout is not part of it.
OciSubject stored_subject(const store::ImageRecord& record);

/// A requirement of the policy with its keys read.
struct Demand {
  std::vector<keystore::TrustedKey> keys;
  keystore::SignedIdentity identity;
};
struct Demands {
  std::string file;          ///< the policy, "" without one
  std::vector<Demand> list;  ///< all must be met; none: the key store's rule alone
};
/// Throws Errc::untrusted when the policy rejects the image, and Errc::unsupported when it demands what cannot be
/// checked.
Demands demands_on(const OciSubject& subject, const std::optional<keystore::Policy>& policy);

/// "sha256:HEX" of the one key in a PEM file, by its text alone; "" when there is none.
std::string plain_key_name(std::string_view pem);

}  // namespace rkt::image
