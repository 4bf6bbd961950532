// SPDX-License-Identifier: Apache-2.0
#include "base/url.h"

#include <gtest/gtest.h>

namespace rkt {
namespace {

TEST(ShownUrl, HidesSecrets) {
  EXPECT_EQ(shown_url("https://user:pw@h/x?token=1#f"), "https://h/x");
  EXPECT_EQ(shown_url("https://h/a@b"), "https://h/a@b");
}

TEST(WithoutUserInfo, LeavesTheRest) {
  EXPECT_EQ(without_user_info("https://user:p@w@h/x?a=b@c#f"), "https://h/x?a=b@c#f");
  for (const char* same : {"https://h?x=a@b", "https://h/a@b", "name@x", "/a://b/c@d", ""})
    EXPECT_EQ(without_user_info(same), same);
}

}  // namespace
}  // namespace rkt
