// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/process_limits.h"

#include <gtest/gtest.h>

namespace rkt::stage1 {
namespace {

TEST(ProcessLimits, AboveTheHardOnesAreNotPromisedToWhoMayNotRaiseThem) {
  ProcessLimits wanted = callers_limits();
  wanted.resources[RLIMIT_FSIZE] = {.rlim_cur = 100, .rlim_max = 200};
  wanted.resources[RLIMIT_CORE] = {.rlim_cur = 7, .rlim_max = 3};
  const ProcessLimits got = within_reach(wanted);
  EXPECT_EQ(got.resources[RLIMIT_FSIZE].rlim_cur, 100U);
  EXPECT_EQ(got.resources[RLIMIT_CORE].rlim_cur, 3U) << "never above the hard one";
}

}  // namespace
}  // namespace rkt::stage1
