// SPDX-License-Identifier: Apache-2.0
#include "pod/pod.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "pod/for_test.h"

namespace rkt::pod {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PodTest : public PodsForTest {};

TEST_F(PodTest, PlaceAndLockAreTheState) {
  struct Case {
    const char* place;
    State free, held;
  };
  for (const auto& c :
       {Case{"embryo", State::embryo, State::embryo}, Case{"prepare", State::aborted_prepare, State::preparing},
        Case{"prepared", State::prepared, State::prepared}, Case{"run", State::exited, State::running},
        Case{"exited-garbage", State::exited_garbage, State::exited_deleting},
        Case{"garbage", State::garbage, State::deleting}}) {
    const Uuid id = make(c.place);
    EXPECT_EQ(Pod::open(pods, id).state(), c.free) << c.place;
    const auto lock = hold(c.place, id);
    EXPECT_EQ(Pod::open(pods, id).state(), c.held) << c.place;
  }
}

TEST_F(PodTest, AnotherTesterOfTheLockDoesNotMakeAPodRun) {
  const Uuid id = make("run");
  const auto tester = DirLock::take(pods.dir("run").sub(id.str()).release(), LockMode::shared);
  EXPECT_EQ(Pod::open(pods, id).state(), State::exited);
}

TEST_F(PodTest, AMovedPodIsFoundAgainAndARemovedOneIsGone) {
  const Uuid id = make("run");
  auto pod = Pod::open(pods, id);
  pods.dir("run").rename(id.str(), pods.dir("exited-garbage"), id.str());
  pod.refresh(pods);
  EXPECT_EQ(pod.state(), State::exited_garbage);
  EXPECT_EQ(pod.path(pods), pods.path("exited-garbage") + "/" + id.str());
  pods.dir("exited-garbage").remove_tree(id.str());
  pod.refresh(pods);
  EXPECT_EQ(pod.state(), State::gone);
  EXPECT_THROW(Pod::open(pods, id), Error);
}

TEST_F(PodTest, PrefixesAreResolvedWhereListShowsPods) {
  make("run", "aaaa1111-0000-4000-8000-000000000000");
  make("prepared", "aaaa2222-0000-4000-8000-000000000000");
  make("garbage", "bbbb1111-0000-4000-8000-000000000000");
  EXPECT_EQ(pods.resolve("AAAA1").str(), "aaaa1111-0000-4000-8000-000000000000");
  EXPECT_EQ(error_of([&] { pods.resolve("aaaa"); }), "ambiguous uuid, 2 matches");
  EXPECT_EQ(error_of([&] { pods.resolve("bbbb"); }), "no matches found for \"bbbb\"");
  EXPECT_EQ(error_of([&] { pods.resolve(""); }), "UUID cannot be empty");
}

TEST_F(PodTest, APodThatIsSeenTwiceDuringARenameCountsOnce) {
  const Uuid id = make("run");
  make("exited-garbage", id.str());
  std::vector<std::string> skipped;
  EXPECT_THAT(pods.list(skipped), ElementsAre(id));
  EXPECT_EQ(pods.resolve(id.str().substr(0, 4)), id);
}

TEST_F(PodTest, StraysAreSkippedAndNamed) {
  write_file(pods.dir("run"), "notes", "", 0644);
  pods.dir("run").make_sub("not-a-uuid");
  std::vector<std::string> skipped;
  EXPECT_THAT(pods.list(skipped), IsEmpty());
  EXPECT_THAT(skipped, ElementsAre(HasSubstr("not-a-uuid"), HasSubstr("\"notes\", ignoring")));
}

TEST_F(PodTest, TheProcessIsInPidElseInPpid) {
  const Uuid id = make("run");
  const auto pod = Pod::open(pods, id);
  EXPECT_EQ(pod.pid(), std::nullopt);
  write_file(pod.dir(), "ppid", "17\n", 0644);
  EXPECT_EQ(pod.pid(), 17);
  write_file(pod.dir(), "pid", "18\n", 0644);
  EXPECT_EQ(pod.pid(), 18);
  write_file(pod.dir(), "pid", "eighteen\n", 0644);
  EXPECT_EQ(pod.pid(), 17);
}

TEST_F(PodTest, ExitCodesAreReadFromTheUpperDirectoryOfStage1) {
  const Uuid id = make("run");
  const auto pod = Pod::open(pods, id);
  EXPECT_EQ(pod.app_exit_code("app"), std::nullopt);
  const DirFd status = overlay_of(pod).make_path_in_root("rkt/status");
  write_file(status, "app", "143\n", 0644);
  EXPECT_EQ(pod.app_exit_code("app"), 143);
  EXPECT_EQ(pod.app_exit_code("other"), std::nullopt);
}

TEST_F(PodTest, WhatAPodPutInPlaceOfAStatusFileIsNotFollowed) {
  const Uuid id = make("run");
  const auto pod = Pod::open(pods, id);
  const DirFd status = overlay_of(pod).make_path_in_root("rkt/status");
  write_file(tmp.dir(), "secret", "5", 0600);
  ASSERT_EQ(::symlinkat((tmp.path() + "/secret").c_str(), status.get(), "link"), 0);
  ASSERT_EQ(::mkfifoat(status.get(), "fifo", 0600), 0);
  status.make_sub("dir");
  write_file(status, "long", std::string(100, '1'), 0644);
  write_file(status, "text", "five\n", 0644);
  for (const auto* app : {"link", "fifo", "dir", "long", "text"})
    EXPECT_EQ(pod.app_exit_code(app), std::nullopt) << app;
}

TEST_F(PodTest, ReadyIsALinkToReadyAndNothingElse) {
  const Uuid id = make("run");
  const auto pod = Pod::open(pods, id);
  const DirFd dir = overlay_of(pod).make_path_in_root("rkt");
  EXPECT_FALSE(pod.supervisor_ready());
  ASSERT_EQ(::symlinkat("ready", dir.get(), "supervisor-status"), 0);
  EXPECT_TRUE(pod.supervisor_ready());
  dir.unlink("supervisor-status");
  ASSERT_EQ(::symlinkat("ready-or-not", dir.get(), "supervisor-status"), 0);
  EXPECT_FALSE(pod.supervisor_ready());
}

TEST_F(PodTest, ATreeNameThatLeadsElsewhereIsRefused) {
  const Uuid id = make("run");
  const auto pod = Pod::open(pods, id);
  for (const auto* bad : {"../../etc", "a/b", "..", ""}) {
    write_file(pod.dir(), "stage1TreeStoreID", bad, 0640);
    EXPECT_THROW(pod.stage1_tree(), Error) << bad;
  }
}

TEST_F(PodTest, CreationIsUnknownBeforeThePodIsPrepared) {
  const Uuid early = make("prepare"), later = make("prepared");
  write_file(pods.dir("prepare").sub(early.str()), "pod", "", 0640);
  write_file(pods.dir("prepared").sub(later.str()), "pod", "", 0640);
  EXPECT_EQ(Pod::open(pods, early).created(), std::nullopt);
  EXPECT_NE(Pod::open(pods, later).created(), std::nullopt);
}

TEST(States, FinishedIsWhatNeverRunsAgain) {
  for (const auto s : {State::exited, State::exited_garbage, State::aborted_prepare, State::garbage, State::gone})
    EXPECT_TRUE(is_finished(s)) << state_name(s);
  for (const auto s : {State::embryo, State::preparing, State::prepared, State::running})
    EXPECT_FALSE(is_finished(s)) << state_name(s);
}

}  // namespace
}  // namespace rkt::pod
