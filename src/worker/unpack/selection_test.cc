// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/selection.h"

#include <gtest/gtest.h>

namespace rkt::unpack {
namespace {

constexpr bool kDir = true, kFile = false;

TEST(CleanWhitelistPath, IsTheReferencesCleaning) {
  EXPECT_EQ(clean_whitelist_path("/etc//motd/"), "etc/motd");
  EXPECT_EQ(clean_whitelist_path("/a/../b"), "b");
  EXPECT_EQ(clean_whitelist_path("/../b"), "b");
  EXPECT_EQ(clean_whitelist_path("/"), "");
}

TEST(Selection, UpperImageWins) {
  Selection s;
  s.begin_image({}, {});
  EXPECT_TRUE(s.take("", kDir));
  EXPECT_TRUE(s.take("a", kDir));
  EXPECT_TRUE(s.take("a/f", kFile));
  s.begin_image({}, {});
  EXPECT_FALSE(s.take("", kDir));
  EXPECT_FALSE(s.take("a", kDir)) << "attributes come from the uppermost entry";
  EXPECT_FALSE(s.take("a/f", kFile));
  EXPECT_TRUE(s.take("a/g", kFile));
}

TEST(Selection, OwnWhitelistExemptsDirectories) {
  Selection s;
  s.begin_image({"/a/f/"}, {});
  EXPECT_TRUE(s.take("a", kDir));
  EXPECT_TRUE(s.take("a/f", kFile));
  EXPECT_FALSE(s.take("a/g", kFile));
}

TEST(Selection, ListingADirectoryDoesNotIncludeItsChildren) {
  Selection s;
  s.begin_image({"/a"}, {});
  EXPECT_TRUE(s.take("a", kDir));
  EXPECT_FALSE(s.take("a/f", kFile));
}

TEST(Selection, UpperWhitelistHoldsForDirectoriesTooButNotForRootfs) {
  Selection s;
  s.begin_image({}, {});
  s.begin_image({}, {"/a/f"});
  EXPECT_TRUE(s.take("", kDir));
  EXPECT_FALSE(s.take("a", kDir));
  EXPECT_TRUE(s.take("a/f", kFile));
  EXPECT_FALSE(s.take("b", kFile));
}

TEST(Selection, BothWhitelistsMustAgree) {
  Selection s;
  s.begin_image({"/a", "/b"}, {"/b", "/c"});
  EXPECT_FALSE(s.take("a", kFile));
  EXPECT_TRUE(s.take("b", kFile));
  EXPECT_FALSE(s.take("c", kFile));
}

TEST(Selection, NothingIsTakenBelowAnUpperNonDirectory) {
  Selection s;
  s.begin_image({}, {});
  EXPECT_TRUE(s.take("lib", kFile));  // a symbolic link
  s.begin_image({}, {});
  EXPECT_FALSE(s.take("lib", kDir));
  EXPECT_FALSE(s.take("lib/x/y", kFile));
}

TEST(Selection, NothingIsTakenBelowANonDirectoryOfTheSameImage) {
  Selection s;
  s.begin_image({}, {});
  EXPECT_TRUE(s.take("lib", kFile));
  EXPECT_FALSE(s.take("lib/x", kFile));
}

TEST(Selection, ADirectoryThatUpperImagesOnlyImpliedTakesTheLowerAttributesOnce) {
  Selection s;
  s.begin_image({}, {});
  EXPECT_TRUE(s.take("a/b/f", kFile));
  s.begin_image({}, {});
  EXPECT_TRUE(s.take("a", kDir));
  EXPECT_TRUE(s.take("a/b", kDir));
  s.begin_image({}, {});
  EXPECT_FALSE(s.take("a", kDir));
}

TEST(Selection, ALowerNonDirectoryDoesNotReplaceAnImpliedDirectory) {
  Selection s;
  s.begin_image({}, {});
  EXPECT_TRUE(s.take("a/f", kFile));
  s.begin_image({}, {});
  EXPECT_FALSE(s.take("a", kFile));
}

TEST(Selection, TheLastDuplicateOfOneImageWins) {
  Selection s;
  s.begin_image({}, {});
  EXPECT_TRUE(s.take("f", kFile));
  EXPECT_TRUE(s.take("f", kFile));
}

TEST(Selection, HardLinksMayOnlyPointAtWhatTheirOwnImageProvided) {
  Selection s;
  s.begin_image({}, {});
  s.take("f", kFile);
  EXPECT_TRUE(s.provided_here("f"));
  s.begin_image({"/g"}, {});
  s.take("h", kFile);
  s.take("g", kFile);
  EXPECT_FALSE(s.provided_here("f"));
  EXPECT_FALSE(s.provided_here("h"));
  EXPECT_TRUE(s.provided_here("g"));
}

}  // namespace
}  // namespace rkt::unpack
