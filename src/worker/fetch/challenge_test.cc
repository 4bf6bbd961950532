// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/challenge.h"

#include <gtest/gtest.h>

namespace rkt::fetch {
namespace {

TEST(Challenges, KeepCommasInsideQuotes) {
  const auto got = parse_challenges(R"(Bearer realm="https://a/token",service="reg",scope="repository:x/y:pull,push")");
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].scheme, "bearer");
  EXPECT_EQ(got[0].parameter("realm"), "https://a/token");
  EXPECT_EQ(got[0].parameter("scope"), "repository:x/y:pull,push");
}

TEST(Challenges, MayHaveParametersInAnyOrderAndBlanks) {
  const auto got = parse_challenges("BEARER  scope = \"s\" ,\tService=reg,realm= \"r\"");
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].parameter("scope"), "s");
  EXPECT_EQ(got[0].parameter("service"), "reg");
  EXPECT_EQ(got[0].parameter("realm"), "r");
}

TEST(Challenges, MayBeSeveralInOneField) {
  const auto got = parse_challenges(R"(Negotiate, Basic realm="x, y", Bearer realm="z")");
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got[1].scheme, "basic");
  EXPECT_EQ(got[1].parameter("realm"), "x, y");
  EXPECT_EQ(got[2].parameter("realm"), "z");
}

TEST(Challenges, UndoQuotedPairs) {
  const auto got = parse_challenges(R"(Basic realm="a\"b\\c")");
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].parameter("realm"), "a\"b\\c");
}

TEST(Challenges, OfForeignSchemesAreReadOver) {
  const auto got = parse_challenges(R"(Negotiate YWJj==, Bearer realm="z")");
  ASSERT_FALSE(got.empty());
  EXPECT_EQ(got.back().scheme, "bearer");
  EXPECT_EQ(got.back().parameter("realm"), "z");
}

TEST(Challenges, EndWhereTheyAreMalformed) {
  EXPECT_TRUE(parse_challenges("").empty());
  EXPECT_TRUE(parse_challenges("=x").empty());
  EXPECT_TRUE(parse_challenges("realm=\"x\"").empty());
  const auto got = parse_challenges("Bearer realm=\"never closed");
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].parameter("realm"), "");
  EXPECT_EQ(parse_challenges("Bearer realm=\"x\" \x01 more").size(), 1U);
}

TEST(Challenges, FirstOfTwoEqualParametersCounts) {
  EXPECT_EQ(parse_challenges("Bearer realm=a, realm=b")[0].parameter("realm"), "a");
}

}  // namespace
}  // namespace rkt::fetch
