// SPDX-License-Identifier: Apache-2.0
#include "sys/beside.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/error.h"
#include "sys/tempdir.h"

namespace rkt {
namespace {

constexpr bool kIdle = false, kBusy = true;

cpu_set_t own_processors() {
  cpu_set_t out;
  EXPECT_EQ(::sched_getaffinity(0, sizeof out, &out), 0);
  return out;
}

// While it lives, this thread has one processor.
class OneProcessor {
 public:
  OneProcessor() : before_(own_processors()) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    EXPECT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  }
  ~OneProcessor() { EXPECT_EQ(::sched_setaffinity(0, sizeof before_, &before_), 0); }

 private:
  cpu_set_t before_;
};

TEST(Beside, IsDoneByAThreadThatMayNotUseThisProcessor) {
  const cpu_set_t own = own_processors();
  if (CPU_COUNT(&own) < 2) GTEST_SKIP() << "one processor";
  Beside<int> work(
      [] {
        const cpu_set_t may = own_processors();
        return ::gettid() == ::getpid() ? -1 : CPU_COUNT(&may);
      },
      kIdle);
  EXPECT_EQ(work.take(), CPU_COUNT(&own) - 1);
  EXPECT_FALSE(work);
}

TEST(Beside, ItsWorkingDirectoryIsItsOwn) {
  const TempDir tmp;
  const std::string before = std::filesystem::current_path();
  const cpu_set_t own = own_processors();
  if (CPU_COUNT(&own) < 2) GTEST_SKIP() << "one processor";
  Beside<std::string> work(
      [&tmp] {
        std::filesystem::current_path(tmp.path());
        return std::filesystem::current_path().string();
      },
      kIdle);
  EXPECT_EQ(work.take(), std::filesystem::canonical(tmp.path()).string());
  EXPECT_EQ(std::filesystem::current_path().string(), before);
}

TEST(Beside, WithoutAnotherProcessorItIsDoneWhenItIsWanted) {
  const OneProcessor one;
  bool done = false;
  Beside<pid_t> work(
      [&done] {
        done = true;
        return ::gettid();
      },
      kIdle);
  EXPECT_FALSE(done);
  EXPECT_EQ(work.take(), ::gettid());
}

TEST(Beside, WithFewDescriptorsItIsDoneWhenItIsWanted) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  Beside<pid_t> work([] { return ::gettid(); }, kIdle);
  EXPECT_EQ(work.take(), ::gettid());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(Beside, WithBusyProcessorsItIsDoneWhenItIsWanted) {
  Beside<pid_t> work([] { return ::gettid(); }, kBusy);
  EXPECT_EQ(work.take(), ::gettid());
}

TEST(Beside, ThrowsWhatTheWorkHasThrown) {
  Beside<std::string> work([]() -> std::string { throw Error(Errc::busy, "not now"); });
  EXPECT_THROW(work.take(), Error);
}

TEST(Beside, WhatNobodyTakesIsWaitedForAndNotBegunThen) {
  const cpu_set_t own = own_processors();
  const auto is_done = [] {
    bool done = false;
    {
      const Beside<int> work(
          [&done] {
            done = true;
            return 0;
          },
          kIdle);
      EXPECT_TRUE(work);
    }
    return done;
  };
  EXPECT_EQ(is_done(), CPU_COUNT(&own) > 1);
  const OneProcessor one;
  EXPECT_FALSE(is_done());
}

}  // namespace
}  // namespace rkt
