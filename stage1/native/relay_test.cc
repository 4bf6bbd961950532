// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/relay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "sys/file.h"

namespace rkt::native {
namespace {

// Puts something else in the place of a standard stream while it lives.
class Replaced {
 public:
  Replaced(int stream, int by) : stream_(stream), saved_(dup_fd(stream)) { EXPECT_EQ(::dup2(by, stream), stream); }
  ~Replaced() { ::dup2(saved_.get(), stream_); }
  Replaced(Replaced&&) = delete;

 private:
  int stream_;
  UniqueFd saved_;
};

void run(Relay& relay) {
  while (relay.active()) {
    std::vector<pollfd> events;
    relay.watch(events);
    ASSERT_GT(::poll(events.data(), events.size(), 10'000), 0);
    relay.handle(events);
  }
}

// Everything, by a reader of a small pipe who takes little at a time. Its write end is a standard stream.
std::string read_slowly(Relay& relay, Pipe& user) {
  ::fcntl(user.write_end.get(), F_SETPIPE_SZ, 4096);
  ::fcntl(user.read_end.get(), F_SETFL, O_NONBLOCK);
  std::string got;
  for (ssize_t n = 0; relay.active() || n > 0;) {
    std::vector<pollfd> events;
    relay.watch(events);
    EXPECT_GE(::poll(events.data(), events.size(), 0), 0);
    relay.handle(events);
    std::array<char, 1000> buffer;
    n = ::read(user.read_end.get(), buffer.data(), buffer.size());
    if (n > 0) got.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return got;
}

std::string text_of(const UniqueFd& file) {
  ::lseek(file.get(), 0, SEEK_SET);
  return read_all(file.get(), "memory");
}

class RelayTest : public ::testing::Test {
 protected:
  RelayTest() { ::signal(SIGPIPE, SIG_IGN); }
  Pipe pipe_ = Pipe::make();
  UniqueFd out_ = memory_file("out", "");
};

TEST_F(RelayTest, BytesArriveAsTheyAre) {
  const std::string bytes("a\0b\r\n\xff no newline", 17);
  {
    const Replaced stdout_is(1, out_.get());
    Relay relay;
    relay.add_output(std::move(pipe_.read_end), {});
    write_all(pipe_.write_end.get(), bytes, "pipe");
    pipe_.write_end.reset();
    run(relay);
  }
  EXPECT_EQ(text_of(out_), bytes);
}

TEST_F(RelayTest, WhatCameBeforeAnEndThatWasSeenAloneIsRead) {
  const std::string bytes(std::size_t{10} << 10, 'x');
  {
    const Replaced stdout_is(1, out_.get());
    Relay relay;
    relay.add_output(std::move(pipe_.read_end), {});
    write_all(pipe_.write_end.get(), bytes, "pipe");
    pipe_.write_end.reset();
    for (int i = 0; relay.active(); ++i) {
      std::vector<pollfd> events;
      relay.watch(events);
      for (auto& event : events) event.revents = POLLHUP;
      ASSERT_LT(i, 10);
      relay.handle(events);
    }
  }
  EXPECT_EQ(text_of(out_), bytes);
}

TEST_F(RelayTest, LinesSayWhoWroteThem) {
  {
    const Replaced stdout_is(1, out_.get());
    Relay relay;
    relay.add_output(std::move(pipe_.read_end), {.app = "web", .index = 2});
    relay.set_pid(2, 7);
    write_all(pipe_.write_end.get(), "one\ntwo", "pipe");
    pipe_.write_end.reset();
    run(relay);
  }
  const std::string text = text_of(out_);
  EXPECT_NE(text.find("] web[7]: one\n"), std::string::npos) << text;
  EXPECT_NE(text.find("] web[7]: two\n"), std::string::npos) << text;
}

TEST_F(RelayTest, AReaderThatHasGoneClosesTheAppsPipe) {
  Pipe user = Pipe::make();
  user.read_end.reset();
  const Replaced stdout_is(1, user.write_end.get());
  Relay relay;
  relay.add_output(std::move(pipe_.read_end), {});
  write_all(pipe_.write_end.get(), "x", "pipe");
  run(relay);
  EXPECT_EQ(::write(pipe_.write_end.get(), "y", 1), -1);
  EXPECT_EQ(errno, EPIPE);
}

TEST_F(RelayTest, AnOutputThatSomebodyKeepsOpenEndsWithItsApp) {
  Pipe user = Pipe::make();
  ::fcntl(user.write_end.get(), F_SETPIPE_SZ, 4096);
  ::fcntl(user.read_end.get(), F_SETFL, O_NONBLOCK);
  const Replaced stdout_is(1, user.write_end.get());
  Relay relay;
  relay.add_output(std::move(pipe_.read_end), {.index = 2});
  const std::string sent(60'000, 'x');
  write_all(pipe_.write_end.get(), sent, "pipe");
  relay.end_output(1);
  EXPECT_TRUE(relay.flushed());
  relay.end_output(2);
  std::string got;
  const auto take = [&] {
    std::array<char, 5000> buffer;
    const ssize_t n = ::read(user.read_end.get(), buffer.data(), buffer.size());
    if (n > 0) got.append(buffer.data(), static_cast<std::size_t>(n));
  };
  while (relay.active()) {
    std::vector<pollfd> events;
    relay.watch(events);
    take();
    ASSERT_GT(::poll(events.data(), events.size(), 10'000), 0);
    relay.handle(events);
  }
  take();
  EXPECT_EQ(got, sent);
  EXPECT_EQ(::write(pipe_.write_end.get(), "y", 1), -1) << "nobody reads it any more";
}

TEST_F(RelayTest, TheEndOfTheInputIsPassedOn) {
  Pipe user = Pipe::make();
  write_all(user.write_end.get(), "typed", "pipe");
  user.write_end.reset();
  const Replaced stdin_is(0, user.read_end.get());
  Relay relay;
  relay.add_input(std::move(pipe_.write_end));
  for (int i = 0; i < 2; ++i) {
    std::vector<pollfd> events;
    relay.watch(events);
    ASSERT_GT(::poll(events.data(), events.size(), 10'000), 0);
    relay.handle(events);
  }
  EXPECT_EQ(read_all(pipe_.read_end.get(), "pipe"), "typed");
}

TEST_F(RelayTest, ASlowReaderHoldsUpTheWriterAndLosesNothing) {
  Pipe user = Pipe::make();
  const Replaced stdout_is(1, user.write_end.get());
  Relay relay;
  relay.add_output(std::move(pipe_.read_end), {});
  const std::string sent(60'000, 'x');
  write_all(pipe_.write_end.get(), sent, "pipe");
  pipe_.write_end.reset();
  EXPECT_EQ(read_slowly(relay, user), sent);
}

TEST_F(RelayTest, LinesForOneReaderOfBothStreamsStayWhole) {
  Pipe user = Pipe::make(), other = Pipe::make();
  const auto fill = [](UniqueFd end, char c) {  // with more than is read at once
    ASSERT_GT(::fcntl(end.get(), F_SETPIPE_SZ, 1 << 20), 300'000);
    for (int i = 0; i < 3000; ++i) write_all(end.get(), std::string(99, c) + "\n", "pipe");
  };
  fill(std::move(pipe_.write_end), 'a');
  fill(std::move(other.write_end), 'b');
  const Replaced stdout_is(1, user.write_end.get()), stderr_is(2, user.write_end.get());
  Relay relay;
  relay.add_output(std::move(pipe_.read_end), {.stream = 1, .app = "a", .index = 0});
  relay.add_output(std::move(other.read_end), {.stream = 2, .app = "b", .index = 1});
  const std::string a(99, 'a'), b(99, 'b');
  std::vector<pollfd> events;
  relay.watch(events);
  ASSERT_GT(::poll(events.data(), events.size(), 10'000), 0);
  relay.handle(events);  // more than the reader's pipe holds
  std::string got(8192, '\0');
  ASSERT_EQ(::read(user.read_end.get(), got.data(), got.size()), 8192);  // there is room again, within a line
  relay.note("a word of rkt's own");
  got += read_slowly(relay, user);
  EXPECT_EQ(std::ranges::count(got, '\n'), 6001);
  for (const auto line : split(trim(got), '\n'))
    ASSERT_TRUE(line.ends_with(cat(": ", a)) || line.ends_with(cat(": ", b)) || line == "a word of rkt's own") << line;
  EXPECT_LT(got.find(b), got.rfind(a)) << "nobody waits until another has said everything";
}

}  // namespace
}  // namespace rkt::native
