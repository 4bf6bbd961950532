// SPDX-License-Identifier: Apache-2.0
#include "image/sign.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/strings.h"
#include "sys/digest.h"
#include "tests/support/error_text.h"

namespace rkt::image {
namespace {

using test::error_text;

oci::Manifest parsed(const SignatureDocuments& documents) {
  return oci::parse_manifest(documents.manifest, "application/vnd.oci.image.manifest.v1+json");
}

TEST(AddSignature, MakesAManifestThatIsReadBack) {
  const MadeSignature made{.payload = "payload", .signature = "c2ln", .key = {}};
  const SignatureDocuments documents = add_signature(std::nullopt, made);
  const auto found = oci::attached_signatures(parsed(documents));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].signature, "sig");
  EXPECT_EQ(found[0].payload.digest, cat("sha256:", sha256_hex("payload")));
  EXPECT_EQ(parsed(documents).config.digest, cat("sha256:", sha256_hex(documents.config)));
}

TEST(AddSignature, KeepsWhatIsThereAndAddsNothingTwice) {
  const MadeSignature one{.payload = "payload", .signature = "b25l", .key = {}};
  const MadeSignature two{.payload = "payload", .signature = "dHdv", .key = {}};
  const auto both = add_signature(add_signature(std::nullopt, one).manifest, two);
  ASSERT_EQ(oci::attached_signatures(parsed(both)).size(), 2U);
  EXPECT_EQ(oci::attached_signatures(parsed(both))[0].signature, "one");
  EXPECT_EQ(add_signature(both.manifest, one).manifest, both.manifest);
}

TEST(AddSignature, RefusesToAddWhatNobodyWouldLookAt) {
  MadeSignature made{.payload = "payload", .signature = {}, .key = {}};
  std::string manifest;
  for (std::size_t i = 0; i < oci::kMaxAttached; ++i) {
    made.signature = base64_encode(cat("signature ", i));
    manifest = add_signature(manifest.empty() ? std::nullopt : std::optional(manifest), made).manifest;
  }
  EXPECT_EQ(add_signature(manifest, made).manifest, manifest) << "it is there";
  made.signature = base64_encode("one more");
  EXPECT_EQ(error_text([&] { add_signature(manifest, made); }),
            "the image has 128 signatures, and only 128 are looked at; remove those that nobody needs");
}

}  // namespace
}  // namespace rkt::image
