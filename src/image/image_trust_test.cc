// SPDX-License-Identifier: Apache-2.0
#include "image/image_trust.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace rkt::image {
namespace {

const std::string kIndexDigest = cat("sha256:", std::string(64, '1')),
                  kManifestDigest = cat("sha256:", std::string(64, '2'));

OciSubject subject(std::string repository, bool registry = true) {
  return {.shown = "x",
          .name = "x",
          .repository = std::move(repository),
          .registry = registry,
          .digests = {kIndexDigest, kManifestDigest}};
}

oci::Claim claim(std::string digest, std::string reference) {
  return {.type = std::string(oci::kCosignType), .digest = std::move(digest), .reference = std::move(reference)};
}

TEST(Judge, TakesASignatureOfTheIndexOrOfTheManifest) {
  EXPECT_EQ(judge(subject("r.example/x"), claim(kIndexDigest, "r.example/x")), Fit::good);
  EXPECT_EQ(judge(subject("r.example/x"), claim(kManifestDigest, "r.example/x:1")), Fit::good);
  EXPECT_EQ(judge(subject("r.example/x"), claim(cat("sha256:", std::string(64, '3')), "r.example/x")),
            Fit::other_digest);
}

TEST(Judge, WantsTheRepositoryThatWasAskedFor) {
  EXPECT_EQ(judge(subject("r.example/x"), claim(kIndexDigest, "r.example/y")), Fit::other_identity);
  EXPECT_EQ(judge(subject("r.example/x"), claim(kIndexDigest, "r.example/x/y")), Fit::other_identity);
  EXPECT_EQ(judge(subject("r.example/x"), claim(kIndexDigest, "")), Fit::other_identity);
  EXPECT_EQ(judge(subject("docker.io/library/redis"), claim(kIndexDigest, "index.docker.io/library/redis")), Fit::good);
}

TEST(Judge, TakesTheNameOfALayoutLiterally) {
  EXPECT_EQ(judge(subject("redis", false), claim(kIndexDigest, "redis:1")), Fit::good);
  EXPECT_EQ(judge(subject("redis", false), claim(kIndexDigest, "docker.io/library/redis")), Fit::other_identity);
  EXPECT_EQ(judge(subject("", false), claim(kIndexDigest, "")), Fit::other_identity);
}

}  // namespace
}  // namespace rkt::image
