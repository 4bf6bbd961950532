// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rkt {
namespace {

TEST(Strings, CatJoinsTextAndNumbers) { EXPECT_EQ(cat("a", 1, std::string("b"), 'c', -2L, 3U), "a1bc-23"); }

TEST(Strings, QuotedKeepsAMessageOnOneLine) { EXPECT_EQ(quoted("a\"\n\x1b[0m\\"), R"("a\"\n\x1b[0m\\")"); }

TEST(Strings, SplitKeepsEmptyPieces) {
  EXPECT_THAT(split("a,,b,", ','), testing::ElementsAre("a", "", "b", ""));
  EXPECT_THAT(split("", ','), testing::ElementsAre(""));
}

TEST(Strings, ParseIntRefusesEverythingButTheWholeNumber) {
  EXPECT_EQ(parse_int<int>("-5"), -5);
  EXPECT_EQ(parse_int<unsigned>("-5"), std::nullopt);
  EXPECT_EQ(parse_int<int>("5x"), std::nullopt);
  EXPECT_EQ(parse_int<int>(" 5"), std::nullopt);
  EXPECT_EQ(parse_int<int>(""), std::nullopt);
  EXPECT_EQ(parse_int<std::uint8_t>("256"), std::nullopt);
  EXPECT_EQ(parse_int<unsigned>("0755", 8), 0755U);
}

TEST(Strings, ParseBoolKnowsTheSpellingsOfTheReference) {
  EXPECT_EQ(parse_bool("T"), true);
  EXPECT_EQ(parse_bool("False"), false);
  EXPECT_EQ(parse_bool("yes"), std::nullopt);
}

TEST(Strings, TrimAndHex) {
  EXPECT_EQ(trim(" a b\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  const std::uint8_t b[] = {0, 0xab};
  EXPECT_EQ(to_hex(b), "00ab");
}

}  // namespace
}  // namespace rkt
