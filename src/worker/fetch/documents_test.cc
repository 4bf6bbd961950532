// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/strings.h"
#include "sys/digest.h"

namespace rkt::fetch {
namespace {

const appc::OciPlatform kHost{"linux", "amd64", ""};
const char* const kIndexType = "application/vnd.oci.image.index.v1+json";
const char* const kManifestType = "application/vnd.oci.image.manifest.v1+json";

std::string digest_of(std::string_view bytes) { return cat("sha256:", sha256_hex(bytes)); }

// A registry as a map: tag or digest -> document.
struct Shelf {
  std::map<std::string, Document> documents;
  std::string config = "{}";

  std::string add(const std::string& bytes, const char* type) {
    documents[digest_of(bytes)] = {bytes, type};
    return digest_of(bytes);
  }
  std::string add_manifest() {
    return add(cat(R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")",
                   digest_of(config), R"(","size":)", config.size(),
                   R"(},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":")", digest_of(config),
                   R"(","size":1}]})"),
               kManifestType);
  }
  std::string add_index(const std::string& digest, const char* type) {
    return add(cat(R"({"schemaVersion":2,"manifests":[{"mediaType":")", type, R"(","digest":")", digest, R"(","size":)",
                   documents.at(digest).bytes.size(), R"(,"platform":{"os":"linux","architecture":"amd64"}}]})"),
               kIndexType);
  }
  ImageDocuments walk(const std::string& reference) const {
    return walk_image(reference, kHost,
                      {.manifest = [&](const std::string& r, const oci::Descriptor*) { return documents.at(r); },
                       .config = [&](const oci::Descriptor&) { return config; }});
  }
};

std::string failure(const Shelf& shelf, const std::string& reference) {
  try {
    shelf.walk(reference);
  } catch (const Error& e) {
    return e.brief();
  }
  return "no error";
}

TEST(WalkImage, GoesThroughAnIndexToTheManifestOfThisPlatform) {
  Shelf shelf;
  const std::string manifest = shelf.add_manifest(), index = shelf.add_index(manifest, kManifestType);
  shelf.documents["latest"] = shelf.documents[index];
  const auto got = shelf.walk("latest");
  EXPECT_EQ(got.top_digest, index);
  ASSERT_EQ(got.path.size(), 2U);
  EXPECT_EQ(digest_of(got.path[1].bytes), manifest);
  EXPECT_EQ(got.config, "{}");
}

TEST(WalkImage, RefusesAManifestThatIsNotWhatTheIndexNamed) {
  Shelf shelf;
  const std::string manifest = shelf.add_manifest(), index = shelf.add_index(manifest, kManifestType);
  shelf.documents[manifest].bytes[2] = 'S';
  EXPECT_THAT(failure(shelf, index), testing::HasSubstr(manifest));
}

TEST(WalkImage, RefusesAnotherContentForADigestOfTheReference) {
  Shelf shelf;
  const std::string manifest = shelf.add_manifest();
  shelf.documents[manifest].bytes += " ";
  EXPECT_THAT(failure(shelf, manifest), testing::HasSubstr("expected this digest"));
}

TEST(WalkImage, RefusesAConfigurationOfTheWrongSizeOrContent) {
  Shelf shelf;
  const std::string manifest = shelf.add_manifest();
  shelf.config = "{ }";
  EXPECT_THAT(failure(shelf, manifest), testing::HasSubstr("expected 2 bytes, received 3"));
  shelf.config = "[]";
  EXPECT_THAT(failure(shelf, manifest), testing::HasSubstr("expected this digest"));
}

TEST(WalkImage, EndsAtTheThirdIndex) {
  Shelf shelf;
  std::string digest = shelf.add_index(shelf.add_manifest(), kManifestType);
  for (int i = 0; i < 2; ++i) digest = shelf.add_index(digest, kIndexType);
  EXPECT_THAT(failure(shelf, digest), testing::HasSubstr("more than 2 indexes"));
}

TEST(SettleType, TakesTheDocumentsWordWhenTheServerKnowsNoTypes) {
  EXPECT_EQ(settle_type({R"({"config":{},"layers":[]})", "application/octet-stream"}, nullptr), kManifestType);
  EXPECT_EQ(settle_type({R"({"manifests":[]})", ""}, nullptr), kIndexType);
}

TEST(SettleType, KnowsSchema1ByItsTypeOrItsLayers) {
  const std::string type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
  EXPECT_EQ(settle_type({"", type}, nullptr), type);
  EXPECT_EQ(settle_type({R"({"fsLayers":[]})", "application/json"}, nullptr), type);
}

TEST(SettleType, RefusesOtherDocuments) {
  EXPECT_THROW(settle_type({R"({"hello":1})", "application/json"}, nullptr), Error);
  try {
    settle_type({"<html>hello</html>", "text/html"}, nullptr);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.cause(), "the registry sent \"text/html\", no image");
  }
}

}  // namespace
}  // namespace rkt::fetch
