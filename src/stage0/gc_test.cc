// SPDX-License-Identifier: Apache-2.0
#include "stage0/gc.h"

#include <gtest/gtest.h>

namespace rkt::stage0 {
namespace {
using namespace std::chrono_literals;
using pod::State;

const pod::TimePoint kNow = pod::TimePoint(std::chrono::hours(1'000'000));
const GcOptions kDefaults{.grace_period = 30min, .expire_prepared = 24h};
const GcOptions kMarkOnly{.grace_period = 30min, .expire_prepared = 24h, .mark_only = true};

GcStep step(State s, std::chrono::nanoseconds age, const GcOptions& o = kDefaults) {
  return plan_gc_step(s, kNow - age, kNow, o);
}

TEST(PlanGcStep, WhatEndedOrFailedIsMarkedAtOnce) {
  EXPECT_EQ(step(State::exited, 0s), GcStep::mark);
  EXPECT_EQ(step(State::aborted_prepare, 0s), GcStep::mark);
}

TEST(PlanGcStep, PreparedPodsExpire) {
  EXPECT_EQ(step(State::prepared, 23h), GcStep::leave);
  EXPECT_EQ(step(State::prepared, 24h), GcStep::mark);
}

TEST(PlanGcStep, TheGracePeriodBeginsWithTheMark) {
  EXPECT_EQ(step(State::exited_garbage, 29min), GcStep::too_young);
  EXPECT_EQ(step(State::exited_garbage, 30min), GcStep::remove);
  EXPECT_EQ(step(State::exited_garbage, 0s, {.grace_period = 0s}), GcStep::remove);
}

TEST(PlanGcStep, WhatNeverRanGetsNoGrace) { EXPECT_EQ(step(State::garbage, 0s), GcStep::remove); }

TEST(PlanGcStep, WhatIsInUseIsLeft) {
  for (const auto s : {State::embryo, State::preparing, State::running, State::exited_deleting, State::deleting})
    EXPECT_EQ(step(s, 1'000h), GcStep::leave) << pod::state_name(s);
}

TEST(PlanGcStep, MarkOnlyRemovesNothingAndLeavesPreparedPods) {
  EXPECT_EQ(step(State::exited, 0s, kMarkOnly), GcStep::mark);
  EXPECT_EQ(step(State::aborted_prepare, 0s, kMarkOnly), GcStep::mark);
  for (const auto s : {State::prepared, State::exited_garbage, State::garbage})
    EXPECT_EQ(step(s, 1'000h, kMarkOnly), GcStep::leave) << pod::state_name(s);
}

TEST(IsPastPatience, AFailingStage1GetsADay) {
  EXPECT_FALSE(is_past_patience(kNow - 23h, kNow));
  EXPECT_TRUE(is_past_patience(kNow - 24h, kNow));
}

}  // namespace
}  // namespace rkt::stage0
