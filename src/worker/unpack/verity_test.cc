// SPDX-License-Identifier: Apache-2.0
// Expected values: `fsverity digest` of fsverity-utils.
#include "worker/unpack/verity.h"

#include <gtest/gtest.h>

namespace rkt::unpack {
namespace {

// Bytes that differ from block to block.
std::string digest_of(std::size_t blocks) {
  std::vector<std::uint8_t> file(blocks * VerityDigest::kBlock);
  for (std::size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::uint8_t>((i >> 12) * 7 + (i & 0xff));
  VerityDigest digest;
  const std::span<const std::uint8_t> all(file);
  digest.blocks(all.subspan(VerityDigest::kBlock));
  return digest.finish(all.first(VerityDigest::kBlock));
}

TEST(VerityDigest, IsTheKernelsForEveryShapeOfTree) {
  EXPECT_EQ(digest_of(1), "sha256:15a0095100272ab90a2209e97f8a2c54dff6f84d2b29524f95d92fe23b6ef25b");
  EXPECT_EQ(digest_of(2), "sha256:0f56697974f56652136fd8d7656ccdea166a5f71f47377c3087f0217a8f49387");
  EXPECT_EQ(digest_of(127), "sha256:181cdcd50a9c9bc7469d5f7e52738f605043abbafbcbcb4d61237fdc41492bd4");
  EXPECT_EQ(digest_of(128), "sha256:4dd7d021a81e2a91fccd2fb5ccfb1edd653aea866ce081207967efb206b77d36");
  EXPECT_EQ(digest_of(129), "sha256:96dac40b5b2d7043aaf37d1dc528172721d7c673a6474e7cf365992985ab63d5");
  EXPECT_EQ(digest_of(256), "sha256:a783c709802d15eb7d059b454ccb3b55a616133d1513b14870c53b102dfe3ba3");
  EXPECT_EQ(digest_of(257), "sha256:a2d8da28c534c7529f624e65b5a3703aa6f272446dd55266991dedf7228763ac");
  EXPECT_EQ(digest_of(16384), "sha256:78ea98484104031856e72293c481de45e71e4c0963889e46de0934cd626b4e34");
  EXPECT_EQ(digest_of(16385), "sha256:9b0dc12b719b408635cb1c02897828512d5d1f7f14a47d16babb7e38f9f2a1f2");
  EXPECT_EQ(digest_of(16500), "sha256:48149b280ff441d84190133b45e09f11eb02f0fcd7367a91fb79966f2899e4ef");
}

}  // namespace
}  // namespace rkt::unpack
