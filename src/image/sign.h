// SPDX-License-Identifier: Apache-2.0
// Making what the engine demands: cosign signatures of Docker/OCI images, in a registry or in a layout, and pushing
// images. The private key is read by libexec/rkt/sign, never here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "image/fetch_client.h"
#include "image/insecure.h"
#include "schema/oci/signing.h"
#include "store/store.h"

namespace rkt::image {

struct MadeSignature {
  std::string payload, signature;  ///< signature: base64, as it stands in annotations
  std::string key;                 ///< "sha256:HEX"
};
/// `key_file`: PEM, not encrypted.
MadeSignature make_signature(const std::string& key_file, const std::string& digest, const std::string& reference);

/// The signature manifest with one more layer; `before`: the one that is there, or nullopt. Nothing is added twice,
/// nor (Errc::unsupported) where nobody would look at it. Pure.
struct SignatureDocuments {
  std::string manifest, config;
};
SignatureDocuments add_signature(const std::optional<std::string>& before, const MadeSignature& made);

std::string manifest_digest(const store::ImageRecord& image);  ///< of a stored Docker/OCI image

/// A repository that is written to.
class Destination {
 public:
  /// `reference`: docker:// left out.
  Destination(const config::Config& config, const Insecure& insecure, const std::string& reference, OnProgress show);

  /// Signs what the reference resolves to; returns the digest and the key.
  struct Signed {
    std::string digest, key;
  };
  Signed sign(const std::string& key_file);
  /// The signature of what is in the repository or will be: nothing is sent.
  MadeSignature make(const std::string& key_file, const std::string& digest) const;
  /// Blobs as they lie in the store, then the manifest under the tag. Returns its digest.
  std::string push(const store::Store& store, const store::ImageRecord& image);
  void attach(const std::string& digest, const MadeSignature& made);

 private:
  void put_blob(std::string_view bytes);
  oci::Reference ref_;
  FetchClient client_;
  Repository at_;
};

/// Signs the image of a layout directory and adds the signature to it.
Destination::Signed sign_layout(const std::string& path, const std::string& reference, const std::string& key_file);

/// Runs gpg: a detached armored signature of a file, made with that key, which rkt itself has found good.
std::string sign_file(const std::string& path, const std::string& key);

}  // namespace rkt::image
