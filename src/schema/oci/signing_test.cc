// SPDX-License-Identifier: Apache-2.0
#include "schema/oci/signing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::oci {
namespace {

const std::string kHex(64, 'a');
const std::string kDigest = cat("sha256:", kHex);

TEST(Claim, IsReadAndWrittenAsCosignDoes) {
  const std::string text =
      cat(R"({"critical":{"identity":{"docker-reference":"r.example/team/x"},"image":{"docker-manifest-digest":")",
          kDigest, R"("},"type":"cosign container image signature"},"optional":null})");
  const Claim claim = parse_claim(text);
  EXPECT_EQ(claim.reference, "r.example/team/x");
  EXPECT_EQ(claim.digest, kDigest);
  EXPECT_EQ(write_claim(claim), text);
}

TEST(Claim, OfAnotherTypeOrWithoutADigestIsRefused) {
  for (const char* bad : {"", "null", "[]", "{}", R"({"critical":{}})",
                          R"({"critical":{"type":"x","image":{"docker-manifest-digest":"sha256:1"},"identity":{}}})"})
    EXPECT_THROW(parse_claim(bad), Error) << bad;
  EXPECT_THROW(parse_claim(write_claim({"another type", kDigest, "x"})), Error);
  EXPECT_THROW(parse_claim(write_claim({std::string(kCosignType), "sha256:12", "x"})), Error);
}

// As containers-signature(5) asks and skopeo does; cosign's payloads have null for "optional".
TEST(Claim, WithWhatIsNotUnderstoodIsRefused) {
  const auto claim = [](std::string_view identity, std::string_view image, std::string_view critical,
                        std::string_view top) {
    return cat(R"({"critical":{"identity":{"docker-reference":"x")", identity,
               R"(},"image":{"docker-manifest-digest":")", kDigest, "\"", image,
               R"(},"type":"atomic container signature")", critical, "}", top, "}");
  };
  const std::string_view none = R"(,"optional":{})", more = R"(,"x":1)";
  EXPECT_EQ(parse_claim(claim("", "", "", none)).digest, kDigest);
  EXPECT_EQ(parse_claim(claim("", "", "", R"(,"optional":{"creator":"c","timestamp":1,"x":[]})")).reference, "x");
  EXPECT_THROW(parse_claim(claim(more, "", "", none)), Error);
  EXPECT_THROW(parse_claim(claim("", more, "", none)), Error);
  EXPECT_THROW(parse_claim(claim("", "", more, none)), Error);
  EXPECT_THROW(parse_claim(claim("", "", R"(,"type":"atomic container signature")", none)), Error);
  for (const std::string_view bad :
       {"", R"(,"optional":null)", R"(,"optional":[])", R"(,"optional":{},"x":1)", R"(,"optional":{"creator":1})",
        R"(,"optional":{"timestamp":"1"})", R"(,"optional":{"timestamp":1.5})"})
    EXPECT_THROW(parse_claim(claim("", "", "", bad)), Error) << bad;
}

TEST(AttachedSignatures, AreLayersWithASignatureOnly) {
  Manifest m;
  const auto layer = [&](std::string_view type, std::string_view signature) {
    Descriptor d{.media_type = std::string(type), .digest = kDigest, .size = 1};
    if (!signature.empty()) d.annotations[std::string(kCosignSignature)] = signature;
    m.layers.push_back(d);
  };
  layer(kCosignLayer, "c2ln");
  layer(kCosignLayer, "");
  layer(kCosignLayer, "no base64!");
  layer("application/vnd.oci.image.layer.v1.tar", "c2ln");
  const auto found = attached_signatures(m);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].signature, "sig");
  m.layers.assign(1000, m.layers[0]);
  EXPECT_EQ(attached_signatures(m).size(), kMaxAttached);
}

TEST(SignatureTag, NamesTheDigest) {
  EXPECT_EQ(signature_tag(kDigest), cat("sha256-", kHex, ".sig"));
  EXPECT_EQ(referrers_tag(kDigest), cat("sha256-", kHex));
  EXPECT_EQ(referrers_tag(cat("sha512:", std::string(128, 'b'))), cat("sha512-", std::string(64, 'b')));
  EXPECT_TRUE(is_signature_tag(signature_tag(kDigest)));
  EXPECT_TRUE(is_signature_tag(referrers_tag(kDigest)));
  EXPECT_FALSE(is_signature_tag("latest"));
  EXPECT_FALSE(is_signature_tag("sha256-12.sig"));
}

TEST(Repository, LosesTagAndDigest) {
  EXPECT_EQ(repository_of("r:5000/a/b:1"), "r:5000/a/b");
  EXPECT_EQ(repository_of("r:5000/a/b"), "r:5000/a/b");
  EXPECT_EQ(repository_of(cat("a:1@", kDigest)), "a");
  EXPECT_EQ(repository_of("x"), "x");
}

TEST(Repository, OfDockerHubHasOneCanonicalName) {
  for (const char* same : {"docker.io/library/redis", "index.docker.io/library/redis:7", "redis",
                           "registry-1.docker.io/library/redis", "docker.io/redis", "Docker.IO/redis"})
    EXPECT_EQ(canonical_repository(same), "registry-1.docker.io/library/redis") << same;
  EXPECT_EQ(canonical_repository("R.example:5000/a"), "r.example:5000/a");
  EXPECT_EQ(canonical_repository("r.example/UPPER"), "");
  EXPECT_EQ(canonical_repository(""), "");
}

}  // namespace
}  // namespace rkt::oci
