// SPDX-License-Identifier: Apache-2.0
// Signatures that lie beside a Docker/OCI image: the tag sha256-HEX.sig of cosign, and referrers (OCI 1.1: the API, or
// its fallback tag), in a registry or in a layout. Documents are checked against the digests that name them; whether a
// signature is good, and whose it is, is for image_trust to find out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "image/fetch_client.h"
#include "image/layout.h"
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
  /// What the referrers API knows about a digest, as an index; nullopt: there is no such API.
  virtual std::optional<std::string> find_referrers(const std::string& digest) = 0;
  /// A manifest or blob, as it comes; throws when it is missing.
  virtual std::string read(const oci::Descriptor& what) = 0;
};

class RegistrySignatures final : public SignatureSource {
 public:
  RegistrySignatures(FetchClient& client, std::string host, std::string repository, std::string base_url)
      : client_(client), host_(std::move(host)), repository_(std::move(repository)), base_url_(std::move(base_url)) {}
  std::optional<Document> find_tag(const std::string& tag) override;
  std::optional<std::string> find_referrers(const std::string& digest) override;
  std::string read(const oci::Descriptor& what) override;

 private:
  std::optional<FetchClient::RepositoryDocument> get(const std::string& path);
  FetchClient& client_;
  std::string host_, repository_, base_url_;
};

class LayoutSignatures final : public SignatureSource {
 public:
  explicit LayoutSignatures(const Layout& layout) : layout_(layout) {}
  std::optional<Document> find_tag(const std::string& tag) override;
  std::optional<std::string> find_referrers(const std::string& digest) override;
  std::string read(const oci::Descriptor& what) override { return layout_.read_blob(what); }

 private:
  const Layout& layout_;
};

/// A signature and the exact bytes it is over.
struct FoundSignature {
  std::string payload, signature;
};

/// At most oci::kMaxAttached. What cannot be read is left out with a debug line: another signature may do.
std::vector<FoundSignature> find_signatures(SignatureSource& source, const std::string& digest);

}  // namespace rkt::image
