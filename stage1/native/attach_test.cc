// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/attach.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::native {
namespace {

using Clock = std::chrono::steady_clock;

class AttachTest : public ::testing::Test {
 protected:
  AttachTest() {
    attachments_.listen(pod_);
    point_ = attachments_.make_point("web", 0);
    point_->offer_output(kStdout);
    ::fcntl(stdin_.write_end.get(), F_SETFL, O_NONBLOCK);
    point_->offer_input(kStdin, std::move(stdin_.write_end));
  }
  void step(Clock::time_point now = Clock::now()) {
    std::vector<pollfd> events;
    attachments_.watch(events);
    ASSERT_GE(::poll(events.data(), events.size(), 0), 0);
    attachments_.handle(events, now);
  }
  UniqueFd request(const std::string& text) {
    UniqueFd fd = connect_to(pod_, kAttachSocket);
    EXPECT_GE(::send(fd.get(), text.data(), text.size(), 0), 0);
    step();  // it is there
    step();  // it is heard
    return fd;
  }
  static std::string received(const UniqueFd& fd) {
    std::string buffer(70'000, '\0');
    const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n < 0 ? "nothing" : buffer.substr(0, static_cast<std::size_t>(n));
  }
  static void type(const UniqueFd& fd, const std::string& text) { ::send(fd.get(), text.data(), text.size(), 0); }

  TempDir tmp_;
  DirFd pod_ = DirFd::open(tmp_.path());
  Pipe stdin_ = Pipe::make();
  Attachments attachments_;
  std::shared_ptr<AttachPoint> point_;
};

TEST(AttachEnds, HaveNames) {
  EXPECT_EQ(parse_ends("stdin,stderr"), kStdin | kStderr);
  EXPECT_EQ(parse_ends("tty"), kTtyIn | kTtyOut);
  EXPECT_EQ(parse_ends("tty-out"), unsigned{kTtyOut});
  EXPECT_EQ(parse_ends("x"), std::nullopt);
  EXPECT_EQ(parse_ends(""), std::nullopt);
  EXPECT_EQ(ends_text(kStdin | kTtyIn | kTtyOut), "stdin,tty");
  EXPECT_EQ(ends_text(kTtyOut), "tty-out");
}

TEST_F(AttachTest, WhatThereIsIsListed) {
  EXPECT_EQ(received(request("list web")), "0 stdin,stdout");
  EXPECT_TRUE(received(request("list other")).starts_with("254 app \"other\" has no streams"));
  EXPECT_EQ(received(request("attach web stderr")), "254 app \"web\" has no stderr, only stdin,stdout");
}

TEST_F(AttachTest, GarbageIsNotAnswered) {
  for (const auto& text : {std::string("x"), std::string(600, 'y'), std::string("attach web"), std::string(3, '\0')})
    EXPECT_FALSE(received(request(text)).starts_with("0 ")) << text;
  EXPECT_EQ(received(request("list web")), "0 stdin,stdout");
}

TEST_F(AttachTest, EveryClientGetsTheOutputAndMayType) {
  const UniqueFd one = request("attach web auto"), two = request("attach web stdout");
  EXPECT_EQ(received(one), "0 stdin,stdout");
  EXPECT_EQ(received(two), "0 stdout");
  point_->give(kStdout, "hello", Clock::now());
  EXPECT_EQ(received(one), "ohello");
  EXPECT_EQ(received(two), "ohello");
  type(one, "ityped");
  type(two, "ino");
  step();
  char buffer[16];
  EXPECT_EQ(::read(stdin_.read_end.get(), buffer, sizeof buffer), 5);
}

TEST_F(AttachTest, ClientsLearnThatTheStreamHasEnded) {
  const UniqueFd one = request("attach web auto");
  received(one);
  point_->give(kStdout, "last", Clock::now());
  point_->output_ended(kStdout);
  attachments_.app_ended(0);
  step();
  EXPECT_EQ(received(one), "olast");
  EXPECT_EQ(received(one), "x");
  EXPECT_EQ(received(one), "");
  EXPECT_TRUE(attachments_.idle());
}

TEST_F(AttachTest, AnInputEndsWithTheAppNotWithItsOutput) {
  const UniqueFd one = request("attach web auto");
  received(one);
  point_->output_ended(kStdout);
  step();
  EXPECT_EQ(received(one), "nothing");
  type(one, "istill");
  step();
  char buffer[16];
  EXPECT_EQ(::read(stdin_.read_end.get(), buffer, sizeof buffer), 5);
  attachments_.app_ended(0);
  step();
  EXPECT_EQ(received(one), "x");
}

TEST_F(AttachTest, AClientThatShutsItsSideDownGoesOnReading) {
  const UniqueFd one = request("attach web auto"), typist = request("attach web stdin");
  received(one);
  received(typist);
  for (const auto* fd : {&one, &typist}) ::shutdown(fd->get(), SHUT_WR);
  step();
  step();
  EXPECT_EQ(received(typist), "x");
  point_->give(kStdout, "more", Clock::now());
  EXPECT_EQ(received(one), "omore");
}

TEST_F(AttachTest, ASlowClientIsWaitedForButNotForEver) {
  const UniqueFd slow = request("attach web stdout");
  received(slow);
  const auto start = Clock::now();
  const std::string chunk(kMaxMessage, 'x');
  std::size_t given = 0;
  while (!point_->holds_up(kStdout)) {
    point_->give(kStdout, chunk, start);
    ++given;
  }
  EXPECT_EQ(attachments_.deadline(), start + AttachPoint::kPatience);
  step(start + std::chrono::seconds(9));
  EXPECT_TRUE(point_->holds_up(kStdout));
  EXPECT_EQ(received(slow).size(), chunk.size() + 1);  // it has taken something: the time begins anew
  step(start + std::chrono::seconds(11));
  EXPECT_FALSE(attachments_.idle());
  if (!point_->holds_up(kStdout)) point_->give(kStdout, chunk + chunk, start + std::chrono::seconds(11));
  step(start + std::chrono::seconds(22));
  EXPECT_FALSE(point_->holds_up(kStdout));
  EXPECT_TRUE(attachments_.idle());
  EXPECT_GT(given, 1U);
}

TEST_F(AttachTest, AnAppThatDoesNotReadHoldsUpWhoTypes) {
  const UniqueFd one = request("attach web stdin");
  received(one);
  ::fcntl(one.get(), F_SETFL, O_NONBLOCK);
  const std::string message = cat('i', std::string(kMaxMessage, 'x'));
  int sent = 0;
  for (int rounds = 0; rounds < 100; ++rounds) {
    sent += ::send(one.get(), message.data(), message.size(), 0) > 0 ? 1 : 0;
    step();
  }
  EXPECT_LT(sent, 100);
}

}  // namespace
}  // namespace rkt::native
