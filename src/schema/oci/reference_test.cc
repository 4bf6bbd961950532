// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/strings.h"
#include "schema/oci/image.h"
#include "tests/support/error_text.h"

namespace rkt::oci {
namespace {

std::string why(const std::string& text) {
  return test::error_text([&] { Reference::parse(text); });
}
std::string bad(std::string_view text, std::string_view reason) {
  return cat("docker distribution creation error: bad docker URL \"docker://", text, "\": ", reason);
}

TEST(Reference, ASingleNameIsOfTheLibraryOfTheDefaultRegistry) {
  const auto r = Reference::parse("redis");
  EXPECT_EQ(r.host, "registry-1.docker.io");
  EXPECT_EQ(r.typed_host, "registry-1.docker.io");
  EXPECT_EQ(r.repository, "library/redis");
  EXPECT_EQ(r.tag, "latest");
  EXPECT_EQ(r.digest, "");
}

TEST(Reference, TheAliasesOfTheDefaultRegistryAreContactedUnderItsName) {
  for (const char* alias : {"docker.io", "index.docker.io", "Docker.IO", "index.dockeR.io", "Registry-1.docker.io"}) {
    const auto r = Reference::parse(cat(alias, "/redis:6"));
    EXPECT_EQ(r.host, "registry-1.docker.io");
    EXPECT_EQ(r.typed_host, alias);
    EXPECT_EQ(r.repository, "library/redis");
    EXPECT_EQ(r.tag, "6");
  }
}

TEST(Reference, TheFirstComponentIsAHostWhenItLooksLikeOne) {
  EXPECT_EQ(Reference::parse("localhost/a").host, "localhost");
  EXPECT_EQ(Reference::parse("quay.io/a/b").host, "quay.io");
  EXPECT_EQ(Reference::parse("host:5000/a:1").host, "host:5000");
  EXPECT_EQ(Reference::parse("[::1]:5000/a").host, "[::1]:5000");
  EXPECT_EQ(Reference::parse("user/a").repository, "user/a");
  EXPECT_EQ(Reference::parse("user/a").host, "registry-1.docker.io");
}

TEST(Reference, OnlyTheDigestCountsWhenThereIsOne) {
  const std::string digest = cat("sha256:", std::string(64, 'a'));
  const auto r = Reference::parse(cat("quay.io/a:1@", digest));
  EXPECT_EQ(r.tag, "");
  EXPECT_EQ(r.digest, digest);
  EXPECT_EQ(why("a@sha256:12"), bad("a@sha256:12", "digest \"sha256:12\" is malformed"));
}

TEST(Reference, RepositoriesAreLowerCaseWordsWithSeparators) {
  for (const char* good : {"a.b/c_d", "a__b/c", "a---b/c"}) EXPECT_EQ(why(good), "") << good;
  EXPECT_EQ(why("Redis"), bad("Redis", "invalid reference format: repository name must be lowercase"));
  for (const char* text : {"", "a//b", "a/-b", "a._b/c/", "a___b", "a/b..c", "a b", "a/../b", "a?b"})
    EXPECT_EQ(why(text), bad(text, "invalid reference format")) << text;
  const std::string long_name(248, 'a');  // with "library/"
  EXPECT_EQ(why(long_name.substr(1)), "");
  EXPECT_EQ(why(long_name), bad(long_name, "repository name must not be more than 255 characters"));
  const std::string hex(64, 'a');
  EXPECT_EQ(why(hex), bad(hex, "cannot specify 64-byte hexadecimal strings"));
}

TEST(Reference, TagsAreAWordOfLimitedLength) {
  EXPECT_EQ(Reference::parse("a:V1.0_x-y").tag, "V1.0_x-y");
  for (const std::string text : {"a:", "a:.1", "a:x/y", "a:x y"}) EXPECT_NE(why(text), "") << text;
  EXPECT_EQ(why(cat("a:", std::string(128, 't'))), "");
  EXPECT_NE(why(cat("a:", std::string(129, 't'))), "");
}

TEST(Reference, AHostCannotSmuggleAnotherUrl) {
  for (const std::string text : {"a.b@c/d", "evil.com#/a", "evil.com?x/a", "e%2fvil.com/a", "h:99999/a", "h.x:/a"})
    EXPECT_NE(why(text), "") << text;
}

}  // namespace
}  // namespace rkt::oci
