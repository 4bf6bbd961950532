// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/readiness.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "base/strings.h"
#include "sys/tempdir.h"

namespace rkt::native {
namespace {

constexpr Readiness::Time kBegin = Readiness::Time() + std::chrono::hours(1);

class ReadinessTest : public ::testing::Test {
 protected:
  void say(const std::string& app, const std::string& text) {
    ::setenv("NOTIFY_SOCKET", cat(tmp_.path(), "/", notify_source(app)).c_str(), 1);
    notify_manager(text);
    ::unsetenv("NOTIFY_SOCKET");
    look(kBegin);
  }
  void look(Readiness::Time now) {
    std::vector<pollfd> events;
    readiness_.watch(events, now);
    ASSERT_GE(::poll(events.data(), events.size(), 0), 0);
    readiness_.handle(events, now);
  }
  std::size_t watched(Readiness::Time now) const {
    std::vector<pollfd> events;
    readiness_.watch(events, now);
    return events.size();
  }
  TempDir tmp_;
  int told_ = 0;
  Readiness readiness_{[this] { ++told_; }};
};

TEST_F(ReadinessTest, APodWithoutNotificationsIsReadyWhenItIsLaunched) {
  EXPECT_EQ(told_, 0);
  readiness_.launched();
  readiness_.launched();
  EXPECT_EQ(told_, 1);
}

TEST_F(ReadinessTest, EveryAppThatSpeaksIsWaitedForOnce) {
  readiness_.expect(tmp_.dir(), "a", 0);
  readiness_.expect(tmp_.dir(), "b", 1);
  readiness_.launched();
  say("a", "STATUS=READY=1");
  say("a", "STATUS=up\nREADY=1\n");
  say("b", std::string(5000, 'x'));
  EXPECT_EQ(told_, 0);
  say("b", "READY=1");
  say("a", "READY=1");
  EXPECT_EQ(told_, 1);
}

TEST_F(ReadinessTest, WhoIsReadyIsNotListenedToAnyMore) {
  readiness_.expect(tmp_.dir(), "a", 0);
  readiness_.expect(tmp_.dir(), "b", 1);
  say("a", "READY=1");
  EXPECT_EQ(watched(kBegin), 1U);
}

TEST_F(ReadinessTest, AFloodOfOneAppRestsTheOthersAreHeard) {
  readiness_.expect(tmp_.dir(), "a", 0);
  readiness_.expect(tmp_.dir(), "b", 1);
  readiness_.launched();
  for (int i = 0; i < NotifySocket::kAtOnce - 1; ++i) say("a", "STATUS=busy");
  EXPECT_FALSE(readiness_.deadline(kBegin));
  say("a", "STATUS=busy");
  EXPECT_EQ(readiness_.deadline(kBegin), kBegin + NotifySocket::kTime) << "when it is looked at again";
  EXPECT_EQ(watched(kBegin), 1U);
  say("a", "READY=1");
  say("b", "READY=1");
  EXPECT_EQ(told_, 0);
  const auto later = kBegin + NotifySocket::kTime;
  EXPECT_FALSE(readiness_.deadline(later));
  EXPECT_EQ(watched(later), 1U);
  look(later);
  EXPECT_EQ(told_, 1) << "what waited is not lost";
}

TEST_F(ReadinessTest, AnAppThatHasEndedIsNotWaitedFor) {
  readiness_.expect(tmp_.dir(), "a", 7);
  readiness_.launched();
  readiness_.app_ended(3);
  EXPECT_EQ(told_, 0);
  readiness_.app_ended(7);
  EXPECT_EQ(told_, 1);
}

}  // namespace
}  // namespace rkt::native
