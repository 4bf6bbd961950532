// SPDX-License-Identifier: Apache-2.0
#include "sys/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/time.h>

#include <thread>

#include "base/error.h"
#include "sys/tempdir.h"

namespace rkt {
namespace {

TEST(AtomicFile, AppearsOnlyOnCommit) {
  const TempDir tmp;
  {
    AtomicFile f(tmp.dir(), "f", 0640);
    write_all(f.fd(), "text", "f");
    EXPECT_FALSE(tmp.dir().exists("f"));
    f.commit();
  }
  EXPECT_EQ(read_file(tmp.dir(), "f"), "text");
  struct stat st{};
  ASSERT_EQ(::fstatat(tmp.dir().get(), "f", &st, 0), 0);
  EXPECT_EQ(st.st_mode & 07777, 0640U);
}

TEST(AtomicFile, UnnamedIsNowhereBeforeCommitAndReplacesWhatIsThere) {
  const TempDir tmp;
  tmp.dir().make_sub("d");
  write_file(tmp.dir(), "d/f", "old", 0644);
  AtomicFile f(tmp.dir(), "d/f", 0600, AtomicFile::Aside::unnamed);
  write_all(f.fd(), "text", "f");
  if (tmp.dir().sub("d").names().size() > 1) GTEST_SKIP() << "no O_TMPFILE here";
  f.commit();
  EXPECT_EQ(read_file(tmp.dir(), "d/f"), "text");
  EXPECT_EQ(tmp.dir().sub("d").names().size(), 1U);
}

TEST(AtomicFile, DroppedLeavesNothing) {
  const TempDir tmp;
  {
    const AtomicFile f(tmp.dir(), "f", 0640);
  }
  EXPECT_TRUE(tmp.dir().names().empty());
}

TEST(WriteAll, WaitsForRoomInAPipeThatDoesNot) {
  Pipe pipe = Pipe::make();
  ASSERT_EQ(::fcntl(pipe.write_end.get(), F_SETFL, O_NONBLOCK), 0);
  const std::string all(std::size_t{1} << 20, 'x');
  std::thread reader([&] { EXPECT_EQ(read_all(pipe.read_end.get(), "a pipe", all.size()), all); });
  write_all(pipe.write_end.get(), all, "a pipe");
  pipe.write_end.reset();
  reader.join();
}

TEST(ReadAll, RefusesMoreThanTheLimit) {
  const UniqueFd f = memory_file("m", "0123456789");
  EXPECT_THROW(read_all(f.get(), "m", 9), Error);
}

TEST(WaitForByte, SaysWhetherItCameAndGivesUp) {
  Pipe pipe = Pipe::make();
  EXPECT_THROW(wait_for_byte(pipe.read_end.get(), 1), Error);
  ASSERT_EQ(::write(pipe.write_end.get(), "", 1), 1);
  EXPECT_TRUE(wait_for_byte(pipe.read_end.get(), 1000));
  pipe.write_end.reset();
  EXPECT_FALSE(wait_for_byte(pipe.read_end.get()));
}

TEST(WaitForByte, GoesOnAfterASignal) {
  static Pipe pipe;
  pipe = Pipe::make();
  struct sigaction on_alarm{}, before{};
  on_alarm.sa_handler = [](int) { (void)!::write(pipe.write_end.get(), "", 1); };
  ASSERT_EQ(::sigaction(SIGALRM, &on_alarm, &before), 0);
  const itimerval soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_usec = 2000}};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &soon, nullptr), 0);
  EXPECT_TRUE(wait_for_byte(pipe.read_end.get(), 10'000));
  ::sigaction(SIGALRM, &before, nullptr);
}

TEST(FindFileText, AbsenceIsNotAnError) {
  const TempDir tmp;
  EXPECT_EQ(find_file_text(tmp.dir(), "nope"), std::nullopt);
}

}  // namespace
}  // namespace rkt
