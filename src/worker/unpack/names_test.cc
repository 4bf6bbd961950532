// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::unpack {
namespace {

std::string refusal(auto&& body) {
  try {
    body();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::invalid);
    return e.brief();
  }
  return "accepted";
}

TEST(CleanName, DropsDotsAndSurplusSlashes) {
  EXPECT_EQ(clean_name("./usr//bin/./env"), "usr/bin/env");
  EXPECT_EQ(clean_name("usr/bin/"), "usr/bin");
  EXPECT_EQ(clean_name("./"), "");
  EXPECT_EQ(clean_name("."), "");
  EXPECT_EQ(clean_name("/"), "");
  EXPECT_EQ(clean_name("//etc/passwd"), "etc/passwd");
  EXPECT_EQ(clean_name("...a/..b"), "...a/..b");
}

TEST(CleanName, RefusesWhatLeavesTheTreeAndNamesTheEntry) {
  EXPECT_EQ(refusal([] { clean_name("a/../../etc/passwd"); }),
            "archive entry \"a/../../etc/passwd\" has a \"..\" component");
  EXPECT_EQ(refusal([] { clean_name("a/.."); }), "archive entry \"a/..\" has a \"..\" component");
  EXPECT_EQ(refusal([] { clean_name("/../etc"); }), "archive entry \"/../etc\" has a \"..\" component");
  EXPECT_EQ(refusal([] { clean_name(""); }), "archive entry \"\" has an empty name");
}

TEST(CleanName, RefusesNamesNoLinuxPathCanHold) {
  EXPECT_THAT(refusal([] { clean_name(std::string(256, 'a')); }), testing::HasSubstr("component that is too long"));
  std::string deep;
  for (int i = 0; i < 2100; ++i) deep += "d/";
  EXPECT_THAT(refusal([&] { clean_name(deep); }), testing::HasSubstr("name that is too long"));
  EXPECT_EQ(clean_name(std::string(255, 'a')), std::string(255, 'a'));
}

TEST(CleanLinkTarget, TakesAbsoluteTargetsAsRelativeToTheTree) {
  EXPECT_EQ(clean_link_target("//bin/busybox"), "bin/busybox");
  EXPECT_THAT(refusal([] { clean_link_target("/../x"); }), testing::HasSubstr("\"..\""));
  EXPECT_THAT(refusal([] { clean_link_target("/"); }), testing::HasSubstr("names no file"));
}

TEST(IsWithin, ComparesWholeComponents) {
  EXPECT_TRUE(is_within("a/b", "a"));
  EXPECT_TRUE(is_within("a", "a"));
  EXPECT_TRUE(is_within("a", ""));
  EXPECT_FALSE(is_within("ab", "a"));
}

TEST(ParseWhiteout, KnowsOrdinaryNames) {
  EXPECT_EQ(parse_whiteout("etc/passwd").kind, Whiteout::Kind::none);
  EXPECT_EQ(parse_whiteout("etc/.whatever").kind, Whiteout::Kind::none);
  EXPECT_EQ(parse_whiteout("").kind, Whiteout::Kind::none);
}

TEST(ParseWhiteout, NamesTheHiddenPath) {
  EXPECT_EQ(parse_whiteout("etc/.wh.motd").path, "etc/motd");
  EXPECT_EQ(parse_whiteout(".wh.bin").path, "bin");
  EXPECT_EQ(parse_whiteout(".wh.bin").kind, Whiteout::Kind::hides);
  EXPECT_EQ(parse_whiteout("a/.wh..hidden").path, "a/.hidden");
}

TEST(ParseWhiteout, NamesTheOpaqueDirectory) {
  EXPECT_EQ(parse_whiteout("usr/.wh..wh..opq").kind, Whiteout::Kind::opaque);
  EXPECT_EQ(parse_whiteout("usr/.wh..wh..opq").path, "usr");
  EXPECT_EQ(parse_whiteout(".wh..wh..opq").path, "");
}

TEST(ParseWhiteout, SkipsAufsBookkeepingAndWhatIsInIt) {
  EXPECT_EQ(parse_whiteout(".wh..wh.aufs").kind, Whiteout::Kind::bookkeeping);
  EXPECT_EQ(parse_whiteout(".wh..wh.plnk").kind, Whiteout::Kind::bookkeeping);
  EXPECT_EQ(parse_whiteout(".wh..wh.plnk/1.2").kind, Whiteout::Kind::bookkeeping);
  EXPECT_EQ(parse_whiteout("a/.wh..wh.orph").kind, Whiteout::Kind::bookkeeping);
}

TEST(ParseWhiteout, RefusesWhiteoutsOfNothingOfDotAndOfTheParent) {
  EXPECT_THAT(refusal([] { parse_whiteout("a/.wh."); }), testing::HasSubstr("names no file"));
  EXPECT_THAT(refusal([] { parse_whiteout("a/.wh.."); }), testing::HasSubstr("names no file"));
  EXPECT_THAT(refusal([] { parse_whiteout("a/.wh..."); }), testing::HasSubstr("names no file"));
  EXPECT_THAT(refusal([] { parse_whiteout("a/.wh.b/c"); }), testing::HasSubstr("below a whiteout name"));
}

}  // namespace
}  // namespace rkt::unpack
