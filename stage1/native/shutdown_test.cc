// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/shutdown.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace rkt::native {
namespace {

using Do = Shutdown::Do;
constexpr Shutdown::Time kNow{};

TEST(Shutdown, APodWhoseAppsAllSucceedEndsWithZeroWhenTheLastHasEnded) {
  Shutdown s(2);
  EXPECT_EQ(s.app_ended(0, kNow), Do::nothing);
  EXPECT_FALSE(s.over());
  EXPECT_FALSE(s.ending());
  EXPECT_EQ(s.app_ended(0, kNow), Do::nothing);
  EXPECT_TRUE(s.over());
  EXPECT_EQ(s.pod_status(), 0);
}

TEST(Shutdown, TheFirstFailureTerminatesTheOthersAndDecides) {
  Shutdown s(3);
  EXPECT_EQ(s.app_ended(9, kNow), Do::terminate);
  EXPECT_EQ(s.app_ended(143, kNow), Do::nothing);
  EXPECT_EQ(s.app_ended(7, kNow), Do::nothing);
  EXPECT_TRUE(s.over());
  EXPECT_EQ(s.pod_status(), 9);
}

TEST(Shutdown, ASignalThatAsksToEndEndsNoOtherApp) {
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) {
    Shutdown s(3);
    EXPECT_EQ(s.app_ended(128 + signal, kNow, signal), Do::nothing);
    EXPECT_FALSE(s.ending());
    EXPECT_EQ(s.app_ended(143, kNow), Do::terminate) << "an exit status is none";
    EXPECT_EQ(s.app_ended(0, kNow), Do::nothing);
    EXPECT_TRUE(s.over());
    EXPECT_EQ(s.pod_status(), 128 + signal) << "the first failure";
  }
  Shutdown killed(2);
  EXPECT_EQ(killed.app_ended(137, kNow, SIGKILL), Do::terminate);
}

TEST(Shutdown, AnAppThatTheStopItselfEndedDoesNotFailThePod) {
  Shutdown s(1);
  EXPECT_EQ(s.stop_asked(kNow), Do::terminate);
  EXPECT_EQ(s.app_ended(143, kNow), Do::nothing);
  EXPECT_TRUE(s.over());
  EXPECT_EQ(s.pod_status(), 0);
}

TEST(Shutdown, WhatSurvivesTheGraceIsKilledOnce) {
  Shutdown s(2);
  s.app_ended(1, kNow);
  ASSERT_TRUE(s.deadline());
  EXPECT_EQ(s.time_passed(*s.deadline() - std::chrono::milliseconds(1)), Do::nothing);
  EXPECT_EQ(s.time_passed(*s.deadline()), Do::kill);
  EXPECT_FALSE(s.deadline());
  EXPECT_EQ(s.time_passed(kNow + 2 * Shutdown::kGrace), Do::nothing);
}

TEST(Shutdown, TheLastAppsFailureNeedsNoTermination) {
  Shutdown s(2);
  s.app_ended(0, kNow);
  EXPECT_EQ(s.app_ended(5, kNow), Do::nothing);
  EXPECT_TRUE(s.over());
  EXPECT_EQ(s.pod_status(), 5);
}

TEST(Shutdown, AStopOfAPodThatIsEndingChangesNothing) {
  Shutdown s(2);
  s.app_ended(3, kNow);
  const auto deadline = s.deadline();
  EXPECT_EQ(s.stop_asked(kNow + std::chrono::seconds(5)), Do::nothing);
  EXPECT_EQ(s.deadline(), deadline);
}

TEST(Shutdown, AskingAgainMakesTheGraceShorterAndNeverLonger) {
  Shutdown s(2);
  s.stop_asked(kNow, std::chrono::seconds(5));
  EXPECT_EQ(s.deadline(), kNow + std::chrono::seconds(5));
  EXPECT_EQ(s.stop_asked(kNow, std::chrono::seconds(30)), Do::nothing);
  EXPECT_EQ(s.deadline(), kNow + std::chrono::seconds(5));
  EXPECT_EQ(s.stop_asked(kNow, std::chrono::milliseconds(7)), Do::nothing);
  EXPECT_EQ(s.deadline(), kNow + std::chrono::milliseconds(7));
  EXPECT_EQ(s.time_passed(*s.deadline()), Do::kill);
  EXPECT_EQ(s.stop_asked(kNow, std::chrono::seconds(1)), Do::nothing);
  EXPECT_FALSE(s.deadline()) << "it is killed once";
}

TEST(Shutdown, TimeAloneDoesNothing) {
  Shutdown s(1);
  EXPECT_EQ(s.time_passed(kNow + 10 * Shutdown::kGrace), Do::nothing);
}

}  // namespace
}  // namespace rkt::native
