// SPDX-License-Identifier: Apache-2.0
#include "sys/rootless.h"

#include <gtest/gtest.h>

namespace rkt {
namespace {

TEST(KnownIds, AreCountedOverAllLinesOfTheMap) {
  EXPECT_EQ(ids_in("         0          0 4294967295\n"), Ids::all);
  EXPECT_EQ(ids_in("         0       1000          1\n"), Ids::one);
  EXPECT_EQ(ids_in("         0       1000          1\n         1     100000      65536\n"), Ids::some);
}

TEST(HasId, LooksAtEveryRange) {
  const std::string_view map = "0 1000 1\n5 100000 10\n";
  EXPECT_TRUE(has_id(map, 0));
  EXPECT_FALSE(has_id(map, 1));
  EXPECT_TRUE(has_id(map, 14));
  EXPECT_FALSE(has_id(map, 15));
  EXPECT_TRUE(has_id("0 0 4294967295\n", 4294967294U));
}

TEST(SubordinateIds, AreTheFirstRangeOfTheNameOrNumber) {
  const std::string_view file =
      "other:1:2\nann:100000:65536\nann:300000:65536\n1001:200000:10\nbad\n1002:x:1\n1003:5:0\n";
  EXPECT_EQ(find_subordinate(file, "ann", 1000), (IdRange{100000, 65536}));
  EXPECT_EQ(find_subordinate(file, "bob", 1001), (IdRange{200000, 10}));
  EXPECT_EQ(find_subordinate(file, "", 1002), std::nullopt);
  EXPECT_EQ(find_subordinate(file, "carol", 1003), std::nullopt);
}

TEST(SubordinateRanges, AreThoseOfEverybody) {
  const auto all = subordinate_ranges("ann:100000:65536\nbad\n1001:200000:10\nnone:1:0\n");
  EXPECT_EQ(all, (std::vector<IdRange>{{100000, 65536}, {200000, 10}}));
}

TEST(UserName, IsFoundByNumber) {
  EXPECT_EQ(find_user_name("root:x:0:0::/:/bin/sh\nann:x:1000:1000:::\nshort\n", 1000), "ann");
  EXPECT_EQ(find_user_name("root:x:0:0::/:/bin/sh\n", 1000), std::nullopt);
}

}  // namespace
}  // namespace rkt
