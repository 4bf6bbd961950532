// SPDX-License-Identifier: Apache-2.0
// Signatures that lie beside a Docker/OCI image: the tag sha256-HEX.sig of cosign, and referrers (OCI 1.1: the API, or
// its fallback tag) of cosign's two formats, in a registry or in a layout; and OpenPGP messages of simple signing, at
// the place that registries.d names. Documents are checked against the digests that name them; whether a signature is
// good, and whose it is, is for image_trust to find out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "image/fetch_client.h"
#include "image/layout.h"
#include "keystore/lookaside.h"
#include "schema/oci/signing.h"

namespace rkt::image {

/// Where the documents of signatures come from.
class SignatureSource {
 public:
  virtual ~SignatureSource() = default;
  struct Document {
    std::string bytes, media_type;
  };
  /// The manifest or index of that tag.
  virtual std::optional<Document> find_tag(const std::string& tag) = 0;
  struct Referrers {
    std::string index, next = {};  ///< next: the page behind it, or ""
  };
  /// What the referrers API knows about a digest, from its first page ("") on; nullopt: there is no such API, or page.
  virtual std::optional<Referrers> find_referrers(const std::string& digest, const std::string& page) = 0;
  /// A manifest or blob, as it comes; throws when it is missing.
  virtual std::string read(const oci::Descriptor& what) = 0;
  /// A manifest or index of that digest, as it comes; throws when it is missing.
  virtual std::string read_manifest(const std::string& digest) = 0;
  /// Messages of simple signing.
  virtual std::vector<std::string> find_messages(const std::string& /*digest*/) { return {}; }
};

class RegistrySignatures final : public SignatureSource {
 public:
  /// `image`: what was asked for, wherever it is pulled from.
  RegistrySignatures(FetchClient& client, Repository at, keystore::ImageReference image)
      : client_(client), at_(std::move(at)), image_(std::move(image)) {}
  std::optional<Document> find_tag(const std::string& tag) override;
  std::optional<Referrers> find_referrers(const std::string& digest, const std::string& page) override;
  std::string read(const oci::Descriptor& what) override;
  std::string read_manifest(const std::string& digest) override;
  std::vector<std::string> find_messages(const std::string& digest) override;

 private:
  std::optional<std::string> find_message(const std::string& url);
  std::optional<FetchClient::RepositoryDocument> get(const std::string& path);
  FetchClient& client_;
  Repository at_;
  keystore::ImageReference image_;
};

class LayoutSignatures final : public SignatureSource {
 public:
  explicit LayoutSignatures(const Layout& layout) : layout_(layout) {}
  std::optional<Document> find_tag(const std::string& tag) override;
  std::optional<Referrers> find_referrers(const std::string& digest, const std::string& page) override;
  std::string read(const oci::Descriptor& what) override { return layout_.read_blob(what); }
  std::string read_manifest(const std::string& digest) override { return layout_.read_manifest(digest); }

 private:
  const Layout& layout_;
};

/// A signature and the exact bytes it is over; an OpenPGP message has them inside.
struct FoundSignature {
  enum class Form : std::uint8_t {
    cosign,     ///< over a simple-signing payload
    openpgp,    ///< a message that holds a simple-signing payload
    statement,  ///< over `content`, an in-toto statement, in its envelope
    manifest    ///< over the manifest itself
  };
  Form form = Form::cosign;
  std::string payload, signature;
  std::string content = {};  ///< of a statement
  bool certificate = false;  ///< comes with one: may be by its key, which is nobody's
  std::string where = {};    ///< for a person: a digest, the name of a file
};

struct FoundSignatures {
  std::vector<FoundSignature> signatures;    ///< at most oci::kMaxAttached
  std::vector<std::string> unreadable = {};  ///< what claims to be one and was left out, and why: "DIGEST: …"
  std::string unlisted = {};                 ///< why the list of what lies beside the image cannot be read; or ""
};
/// What cannot be read is left out: another signature may do. What does not claim to be a signature is not looked at.
FoundSignatures find_signatures(SignatureSource& source, const std::string& digest);

}  // namespace rkt::image
