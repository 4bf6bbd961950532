// SPDX-License-Identifier: Apache-2.0
#include "sys/group.h"

#include <gtest/gtest.h>

namespace rkt {
namespace {

TEST(Group, IsFoundByItsWholeName) {
  constexpr const char* kFile = "root:x:0:\nrkt-admin:x:7:\n# note\nbroken\nrkt:x:none:\nrkt:x:118:a,b\n";
  EXPECT_EQ(find_group_in(kFile, "rkt"), 118U);
  EXPECT_EQ(find_group_in(kFile, "root"), 0U);
  EXPECT_EQ(find_group_in(kFile, "rk"), std::nullopt);
  EXPECT_EQ(find_group_in("", "rkt"), std::nullopt);
}

}  // namespace
}  // namespace rkt
