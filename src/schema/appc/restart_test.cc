// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/restart.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::appc {
namespace {

using When = RestartPolicy::When;

TEST(RestartPolicyTest, Reads) {
  EXPECT_EQ(parse_restart("no"), RestartPolicy{});
  EXPECT_EQ(parse_restart("always").when, When::always);
  EXPECT_EQ(parse_restart("on-failure"), (RestartPolicy{.when = When::on_failure, .most = std::nullopt}));
  EXPECT_EQ(parse_restart("on-failure:3").most, 3U);
}

TEST(RestartPolicyTest, RefusesEverythingElse) {
  for (const auto* bad : {"", "yes", "Always", "on-failure:", "on-failure:0", "on-failure:-1", "always:3"})
    EXPECT_THROW(parse_restart(bad), Error) << bad;
}

}  // namespace
}  // namespace rkt::appc
