// SPDX-License-Identifier: Apache-2.0
#include "keystore/lookaside.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::keystore {
namespace {

Lookasides lookasides_of(std::string_view yaml) {
  Lookasides out;
  add_lookasides(out, yaml, "/r.d/x.yaml");
  return out;
}

const std::string kSigned = cat("sha256:", std::string(64, 'a'));

std::string base_for(const Lookasides& l, std::string_view text) {
  return signature_base(l, canonical_reference(text).value(), kSigned);
}

TEST(Lookaside, OfTheMostSpecificScopeCounts) {
  const Lookasides l = lookasides_of(
      "# comment\ndefault-docker:\n  sigstore: https://all.example/sigs/\ndocker:\n  r.example/team:\n"
      "    lookaside: \"file:///var/sigs\"\n    use-sigstore-attachments: true\n  other.example: {}\n");
  const std::string tail = cat("@sha256=", std::string(64, 'a'), "/signature-");
  EXPECT_EQ(base_for(l, "r.example/team/x:1"), cat("file:///var/sigs/team/x", tail));
  EXPECT_EQ(base_for(l, "r.example/teams/x"), cat("https://all.example/sigs/teams/x", tail));
  EXPECT_EQ(base_for(l, "other.example/x"), cat("https://all.example/sigs/x", tail));
  EXPECT_EQ(base_for({}, "r.example/x"), "");
}

TEST(Lookaside, FilesThatAreNotUnderstoodAreNamed) {
  for (const char* bad : {"docker: [", "docker: {a: {lookaside: ftp://x}}", "a: &x {}\nb: *x\n", "docker: text",
                          "a: 1\na: 2\n", "{[a]: b}", "[[[[[[[[[[[[[[[[[[[[[[[[[["}) {
    try {
      lookasides_of(bad);
      ADD_FAILURE() << bad;
    } catch (const Error& e) {
      EXPECT_THAT(e.brief(), testing::StartsWith("/r.d/x.yaml: ")) << bad;
    }
  }
  EXPECT_TRUE(lookasides_of("").docker.empty());
  EXPECT_TRUE(lookasides_of("docker:\n").docker.empty());
}

TEST(Lookaside, IsGivenOnce) {
  Lookasides l = lookasides_of("docker: {r.example: {lookaside: 'file:///a'}}");
  EXPECT_THROW(add_lookasides(l, "docker: {r.example: {lookaside: 'file:///b'}}", "/y"), Error);
}

}  // namespace
}  // namespace rkt::keystore
