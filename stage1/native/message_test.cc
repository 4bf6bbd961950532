// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/message.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/error.h"
#include "sys/fd.h"

namespace rkt::native {
namespace {

class MessageTest : public ::testing::Test {
 protected:
  MessageTest() {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    a_.reset(pair[0]);
    b_.reset(pair[1]);
  }
  UniqueFd a_, b_;
};

TEST_F(MessageTest, ArrivesAsItWasSent) {
  EXPECT_TRUE(send_message(a_.get(), {.kind = Message::Kind::started, .app = 3, .value = -7, .text = "text"}));
  const auto m = receive_message(b_.get());
  ASSERT_TRUE(m);
  EXPECT_EQ(m->kind, Message::Kind::started);
  EXPECT_EQ(m->app, 3);
  EXPECT_EQ(m->value, -7);
  EXPECT_EQ(m->text, "text");
}

TEST_F(MessageTest, ALongTextIsCut) {
  EXPECT_TRUE(send_message(a_.get(), {.text = std::string(2 * kMaxText, 'x')}));
  EXPECT_EQ(receive_message(b_.get())->text.size(), kMaxText);
}

TEST_F(MessageTest, TheEndOfTheOtherSideIsSeen) {
  b_.reset();
  EXPECT_FALSE(send_message(a_.get(), {}));
  EXPECT_FALSE(receive_message(a_.get()));
}

TEST_F(MessageTest, WhatWasSaidBeforeTheEndIsHeardWhateverTheOtherSideHasLeftUnread) {
  EXPECT_TRUE(send_message(a_.get(), {.text = "unread"}));
  EXPECT_TRUE(send_message(b_.get(), {.text = "why"}));
  b_.reset();
  const auto last = receive_message(a_.get(), Wait::no);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->text, "why");
  EXPECT_FALSE(receive_message(a_.get(), Wait::no));
}

TEST_F(MessageTest, WhoDoesNotWantToWaitDoesNot) {
  EXPECT_FALSE(receive_message(a_.get(), Wait::no));
  int sent = 0;
  while (send_message(a_.get(), {}, Wait::no)) ++sent;
  EXPECT_GT(sent, 0);
  for (; receive_message(b_.get(), Wait::no); --sent) {
  }
  EXPECT_EQ(sent, 0);
}

TEST_F(MessageTest, APacketThatIsNoMessageIsAnError) {
  ASSERT_EQ(::send(a_.get(), "x", 1, 0), 1);
  EXPECT_THROW(receive_message(b_.get()), Error);
}

}  // namespace
}  // namespace rkt::native
