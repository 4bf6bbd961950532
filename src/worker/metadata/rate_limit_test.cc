// SPDX-License-Identifier: Apache-2.0
#include "worker/metadata/rate_limit.h"

#include <gtest/gtest.h>

namespace rkt::metadata {
namespace {

using std::chrono::milliseconds;

TEST(RateLimit, AllowsABurstAndThenARate) {
  RateLimit limit(10, 3);
  const RateLimit::Time now{};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.allow("a", now));
  EXPECT_FALSE(limit.allow("a", now));
  EXPECT_TRUE(limit.allow("b", now));
  EXPECT_FALSE(limit.allow("a", now + milliseconds(99)));
  EXPECT_TRUE(limit.allow("a", now + milliseconds(200)));
}

TEST(RateLimit, ForgetsTheIdle) {
  RateLimit limit(10, 3);
  const RateLimit::Time now{};
  for (int i = 0; i < 10'000; ++i) limit.allow(std::to_string(i), now + milliseconds(i));
  EXPECT_LE(limit.remembered(), 4096U);
}

}  // namespace
}  // namespace rkt::metadata
