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

class ReadinessTest : public ::testing::Test {
 protected:
  void say(const std::string& app, const std::string& text) {
    ::setenv("NOTIFY_SOCKET", cat(tmp_.path(), "/", notify_source(app)).c_str(), 1);
    notify_manager(text);
    ::unsetenv("NOTIFY_SOCKET");
    std::vector<pollfd> events;
    readiness_.watch(events);
    ASSERT_GE(::poll(events.data(), events.size(), 0), 0);
    readiness_.handle(events);
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
  std::vector<pollfd> events;
  readiness_.watch(events);
  EXPECT_EQ(events.size(), 1U);
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
