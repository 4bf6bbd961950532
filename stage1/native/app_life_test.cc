// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/app_life.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace rkt::native {
namespace {

using Next = AppLife::Do;
using LifePhase = AppLife::Phase;
using RestartWhen = appc::RestartPolicy::When;

constexpr AppLife::Time kBirth{};
constexpr auto kAwaited = true;

// Two handlers before, two after.
AppPlan with_handlers(RestartWhen when = RestartWhen::never) {
  AppPlan out;
  out.argv = {"/main"};
  out.pre_start = {{"/before"}, {"/before2"}};
  out.post_stop = {{"/after"}, {"/after2"}};
  out.restart.when = when;
  return out;
}

AppPlan plain(RestartWhen when = RestartWhen::never, std::optional<std::uint32_t> most = std::nullopt) {
  AppPlan out;
  out.argv = {"/main"};
  out.restart = {.when = when, .most = most};
  return out;
}

// Its handlers before are done.
void come_to_main(AppLife& life) {
  life.begin(kBirth);
  while (life.phase() == LifePhase::pre_start) ASSERT_EQ(life.ended(0, kBirth), Next::launch);
}

void come_to_post_stop(AppLife& life, int status) {
  come_to_main(life);
  ASSERT_EQ(life.ended(status, kBirth), Next::launch);
  ASSERT_EQ(life.phase(), LifePhase::post_stop);
}

TEST(AppLifeTest, HandlersAndTheMainProcessRunOneAfterTheOther) {
  const AppPlan plan = with_handlers();
  AppLife life(plan);
  std::vector<std::string> ran;
  Next what = life.begin(kBirth);
  for (; what == Next::launch; what = life.ended(life.in_main() ? 7 : 0, kBirth)) ran.push_back(life.program().front());
  EXPECT_EQ(ran, (std::vector<std::string>{"/before", "/before2", "/main", "/after", "/after2"}));
  EXPECT_EQ(what, Next::end);
  EXPECT_TRUE(life.over());
  EXPECT_EQ(life.status(), 7);
}

TEST(AppLifeTest, WithoutHandlersTheMainProcessIsAll) {
  const AppPlan plan = plain();
  AppLife life(plan);
  EXPECT_EQ(life.begin(kBirth), Next::launch);
  EXPECT_TRUE(life.in_main());
  EXPECT_EQ(life.ended(0, kBirth), Next::end);
  EXPECT_EQ(life.status(), 0);
}

TEST(AppLifeTest, APreStartHandlerThatFailsIsTheAppsEndButForHandlersAfter) {
  const AppPlan plan = with_handlers();
  AppLife life(plan);
  life.begin(kBirth);
  life.ended(0, kBirth);
  EXPECT_EQ(life.ended(3, kBirth), Next::launch);
  EXPECT_EQ(life.program().front(), "/after");
  life.ended(0, kBirth);
  EXPECT_EQ(life.ended(0, kBirth), Next::end);
  EXPECT_EQ(life.status(), 3);
}

TEST(AppLifeTest, APostStopHandlerThatFailsChangesNothing) {
  const AppPlan plan = with_handlers();
  AppLife life(plan);
  come_to_post_stop(life, 0);
  EXPECT_EQ(life.ended(5, kBirth), Next::launch);
  EXPECT_EQ(life.program().front(), "/after2");
  EXPECT_EQ(life.failed(203, ENOENT, kBirth), Next::end);
  EXPECT_EQ(life.status(), 0);
}

TEST(AppLifeTest, WhatCannotBeExecutedHasEndedWithTheStatusOfThat) {
  const AppPlan plan = with_handlers(RestartWhen::always);
  for (const int good : {0, 1, 2}) {  // of the handlers before; then it is the main process that fails
    AppLife life(plan);
    life.begin(kBirth);
    for (int i = 0; i < good; ++i) life.ended(0, kBirth);
    EXPECT_EQ(life.failed(203, ENOENT, kBirth), Next::launch);
    EXPECT_EQ(life.phase(), LifePhase::post_stop);
    life.ended(0, kBirth);
    EXPECT_EQ(life.ended(0, kBirth), Next::end) << "it would fail again";
    EXPECT_EQ(life.status(), 203);
  }
}

TEST(AppLifeTest, OnlyWhatFailsTheSameWayAgainIsFinal) {
  const AppPlan plan = plain(RestartWhen::on_failure);
  const auto after = [&](int err) {
    AppLife life(plan);
    life.begin(kBirth);
    return life.failed(254, err, kBirth);
  };
  for (const int err : {0, ENOENT, EACCES, ENOEXEC, ELOOP, EPERM, EINVAL}) EXPECT_EQ(after(err), Next::end) << err;
  for (const int err : {EAGAIN, ENOMEM, EMFILE, ENFILE, EADDRINUSE, ETXTBSY, ENOSPC, EIO, EBUSY})
    EXPECT_EQ(after(err), Next::restart) << err;
}

TEST(AppLifeTest, AHandlerAfterThatCannotBeExecutedDoesNotKeepTheAppFromStartingAgain) {
  const AppPlan plan = with_handlers(RestartWhen::always);
  AppLife life(plan);
  come_to_post_stop(life, 0);
  life.failed(203, ENOENT, kBirth);
  EXPECT_EQ(life.failed(203, ENOENT, kBirth), Next::restart);
}

TEST(AppLifeTest, ItIsStartedAgainWhenItsTimeHasComeAndLaterEachTime) {
  const AppPlan plan = with_handlers(RestartWhen::on_failure);
  AppLife life(plan);
  come_to_post_stop(life, 4);
  life.ended(0, kBirth);
  EXPECT_FALSE(life.start_at());
  ASSERT_EQ(life.ended(0, kBirth), Next::restart);
  EXPECT_EQ(life.phase(), LifePhase::waiting);
  EXPECT_EQ(life.restarts(), 1U);
  const auto first = *life.start_at();
  EXPECT_EQ(first, kBirth + AppLife::kFirst);
  EXPECT_EQ(life.time_passed(first - std::chrono::milliseconds(1)), Next::nothing);
  EXPECT_EQ(life.time_passed(first), Next::launch);
  EXPECT_EQ(life.program().front(), "/before") << "from the beginning";
  EXPECT_EQ(life.status(), 0) << "of this life";
  EXPECT_FALSE(life.start_at());
  life.ended(1, first);
  life.ended(0, first);
  ASSERT_EQ(life.ended(0, first), Next::restart);
  EXPECT_EQ(*life.start_at(), first + 2 * AppLife::kFirst);
  EXPECT_EQ(life.restarts(), 2U);
}

TEST(AppLifeTest, TheWaitDoublesUpToAMinuteAndALongLifeBeginsAnew) {
  const AppPlan plan = plain(RestartWhen::always);
  AppLife life(plan);
  come_to_main(life);
  AppLife::Time now = kBirth;
  const auto next_wait = [&](std::chrono::seconds lived) {
    now += lived;
    EXPECT_EQ(life.ended(0, now), Next::restart);
    const auto out = *life.start_at() - now;
    now = *life.start_at();
    life.time_passed(now);
    return out;
  };
  for (const int ms : {100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000})
    EXPECT_EQ(next_wait(std::chrono::seconds(9)), std::chrono::milliseconds(ms));
  EXPECT_EQ(life.restarts(), 12U);
  EXPECT_EQ(next_wait(std::chrono::seconds(10)), std::chrono::milliseconds(100));
}

TEST(AppLifeTest, ThePolicyDecidesWhoIsStartedAgain) {
  const AppPlan failure = plain(RestartWhen::on_failure, 1), always = plain(RestartWhen::always);
  AppLife life(failure), forever(always);
  come_to_main(life);
  come_to_main(forever);
  EXPECT_EQ(forever.ended(0, kBirth), Next::restart);
  ASSERT_EQ(life.ended(1, kBirth), Next::restart);
  life.time_passed(*life.start_at());
  EXPECT_EQ(life.ended(2, kBirth), Next::end) << "as often as it says";
  EXPECT_EQ(life.status(), 2);
  AppLife good(failure);
  come_to_main(good);
  EXPECT_EQ(good.ended(0, kBirth), Next::end);
}

TEST(AppLifeTest, AStopLetsWhatRunsEndAndHandlersAfterRun) {
  const AppPlan plan = with_handlers(RestartWhen::always);
  AppLife life(plan);
  come_to_main(life);
  EXPECT_EQ(life.stop(), Next::nothing);
  EXPECT_EQ(life.ended(143, kBirth), Next::launch);
  EXPECT_EQ(life.program().front(), "/after");
  life.ended(0, kBirth);
  EXPECT_EQ(life.ended(0, kBirth), Next::end) << "and is the end";
  EXPECT_EQ(life.status(), 143);
}

TEST(AppLifeTest, AStopBeforeTheMainProcessKeepsItFromStarting) {
  const AppPlan plan = with_handlers();
  AppLife life(plan);
  life.begin(kBirth);
  EXPECT_EQ(life.stop(), Next::nothing);
  EXPECT_EQ(life.ended(0, kBirth), Next::launch) << "also when the handler has done well";
  EXPECT_EQ(life.program().front(), "/after");
}

TEST(AppLifeTest, AStopAfterTheMainProcessIsForTheHandlers) {
  const AppPlan plan = with_handlers(RestartWhen::always);
  AppLife life(plan);
  come_to_post_stop(life, 0);
  EXPECT_EQ(life.stop(), Next::nothing);
  EXPECT_EQ(life.ended(143, kBirth), Next::launch);
  EXPECT_EQ(life.ended(0, kBirth), Next::end);
  EXPECT_EQ(life.status(), 0);
}

TEST(AppLifeTest, WhoWaitsIsOverWhenItIsStoppedOrKilled) {
  const AppPlan plan = plain(RestartWhen::always);
  for (const auto end : {&AppLife::stop, &AppLife::kill}) {
    AppLife life(plan);
    come_to_main(life);
    life.ended(9, kBirth);
    EXPECT_EQ((life.*end)(), Next::end);
    EXPECT_EQ(life.status(), 9) << "of its last life";
    EXPECT_FALSE(life.start_at());
    EXPECT_EQ(life.time_passed(kBirth + std::chrono::hours(1)), Next::nothing);
  }
}

TEST(AppLifeTest, WhoIsStoppedBeforeItBeginsNeverDoes) {
  const AppPlan plan = with_handlers(RestartWhen::always);
  AppLife life(plan);
  EXPECT_EQ(life.stop(), Next::nothing);
  EXPECT_EQ(life.begin(kBirth), Next::end);
  EXPECT_EQ(life.status(), 143);
}

TEST(AppLifeTest, WhoIsKilledRunsNoHandlers) {
  const AppPlan plan = with_handlers(RestartWhen::always);
  for (const LifePhase when : {LifePhase::pre_start, LifePhase::main, LifePhase::post_stop}) {
    AppLife life(plan);
    life.begin(kBirth);
    while (life.phase() != when) life.ended(0, kBirth);
    EXPECT_EQ(life.kill(), Next::nothing);
    EXPECT_EQ(life.ended(137, kBirth), Next::end);
    EXPECT_EQ(life.status(), when == LifePhase::post_stop ? 0 : 137);
  }
}

TEST(AppLifeTest, TheEndIsToldOnce) {
  const AppPlan plan = plain(RestartWhen::always);
  AppLife life(plan);
  come_to_main(life);
  life.stop();
  ASSERT_EQ(life.ended(0, kBirth), Next::end);
  EXPECT_EQ(life.ended(1, kBirth), Next::nothing);
  EXPECT_EQ(life.failed(1, 0, kBirth), Next::nothing);
  EXPECT_EQ(life.stop(), Next::nothing);
  EXPECT_EQ(life.kill(), Next::nothing);
  EXPECT_EQ(life.time_passed(kBirth + std::chrono::hours(1)), Next::nothing);
  EXPECT_EQ(life.status(), 0);
}

TEST(AppLifeTest, WhoseStartSomebodyWaitsForIsNotStartedAgainBeforeItHasStarted) {
  const AppPlan plan = plain(RestartWhen::always);
  AppLife early(plan, kAwaited), late(plan, kAwaited);
  come_to_main(early);
  EXPECT_EQ(early.ended(1, kBirth), Next::end);
  come_to_main(late);
  late.started();
  EXPECT_EQ(late.ended(1, kBirth), Next::restart);
}

}  // namespace
}  // namespace rkt::native
