// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/pid_mode.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::appc {
namespace {

TEST(PidModeTest, IsThePodsUnlessAskedFor) {
  EXPECT_EQ(pid_mode_of({}), PidMode::pod);
  EXPECT_EQ(pid_mode_of({{"coreos.com/rkt/stage2/pid", "pod"}}), PidMode::pod);
  EXPECT_EQ(pid_mode_of({{"coreos.com/rkt/stage2/pid", "private"}}), PidMode::own);
}

TEST(PidModeTest, RefusesEverythingElse) {
  for (const auto* bad : {"", "host", "Private", "container:1"}) EXPECT_THROW(parse_pid_mode(bad), Error) << bad;
}

}  // namespace
}  // namespace rkt::appc
