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

TEST_F(ReadinessTest, WhatComesLaterIsTakenToo) {
  readiness_.expect(tmp_.dir(), "a", 0);
  readiness_.launched();
  say("a", "READY=1\nSTATUS=up");
  EXPECT_EQ(told_, 1);
  for (int i = 0; i < NotifySocket::kAtOnce; ++i) say("a", "READY=1");
  EXPECT_EQ(told_, 1);
  EXPECT_EQ(watched(kBegin), 0U) << "no more in that time";
  EXPECT_EQ(watched(kBegin + NotifySocket::kTime), 1U);
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
  EXPECT_EQ(watched(later), 2U);
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

// Closing it could block whoever does it.
TEST_F(ReadinessTest, ADescriptorThatIsSentIsNotClosed) {
  for (const std::string before : {"", "READY=1"}) {
    readiness_.expect(tmp_.dir(), "a", 0);
    Pipe pipe = Pipe::make();
    const UniqueFd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un where{.sun_family = AF_UNIX, .sun_path = {}};
    std::strcpy(where.sun_path, cat(tmp_.path(), "/", notify_source("a")).c_str());
    ASSERT_EQ(::connect(sender.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
    if (!before.empty()) {
      ASSERT_GT(::send(sender.get(), before.data(), before.size(), 0), 0);
    }
    std::string text = "FDSTORE=1";
    iovec data{.iov_base = text.data(), .iov_len = text.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const head = CMSG_FIRSTHDR(&message);
    *head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    const int sent = pipe.write_end.get();
    std::memcpy(CMSG_DATA(head), &sent, sizeof sent);
    ASSERT_GT(::sendmsg(sender.get(), &message, 0), 0);
    pipe.write_end.reset();
    look(kBegin);
    EXPECT_EQ(watched(kBegin), 0U);
    readiness_.app_ended(0);
    pollfd open{pipe.read_end.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&open, 1, 0), 0) << before;
  }
}

}  // namespace
}  // namespace rkt::native
