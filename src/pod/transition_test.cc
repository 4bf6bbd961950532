// SPDX-License-Identifier: Apache-2.0
#include "pod/transition.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "pod/for_test.h"

namespace rkt::pod {
namespace {
using testing::IsEmpty;

class TransitionTest : public PodsForTest {};

TEST_F(TransitionTest, WhatEndedBecomesGarbageOfItsKind) {
  struct Case {
    const char* from;
    State to;
  };
  for (const auto& c :
       {Case{"run", State::exited_garbage}, Case{"prepare", State::garbage}, Case{"prepared", State::garbage}}) {
    auto pod = Pod::open(pods, make(c.from));
    EXPECT_EQ(mark_garbage(pods, pod), Marked::moved) << c.from;
    EXPECT_EQ(pod.state(), c.to) << c.from;
  }
}

TEST_F(TransitionTest, APodInUseIsNotMarked) {
  for (const auto* place : {"run", "prepare", "prepared"}) {
    const Uuid id = make(place);
    auto pod = Pod::open(pods, id);  // looked free when it was looked at
    const auto lock = hold(place, id);
    EXPECT_EQ(mark_garbage(pods, pod), Marked::busy) << place;
    EXPECT_TRUE(pods.dir(place).exists(id.str())) << place;
  }
}

TEST_F(TransitionTest, OfTwoThatMarkAPodOneFindsItGone) {
  const Uuid id = make("run");
  auto first = Pod::open(pods, id), second = Pod::open(pods, id);
  EXPECT_EQ(mark_garbage(pods, first), Marked::moved);
  EXPECT_EQ(mark_garbage(pods, second), Marked::gone);
}

TEST_F(TransitionTest, GarbageIsNotMarkedAgain) {
  auto pod = Pod::open(pods, make("garbage"));
  EXPECT_EQ(mark_garbage(pods, pod), Marked::busy);
}

TEST_F(TransitionTest, TheLockIsNotWaitedForWhenSomebodyHoldsThePod) {
  const Uuid id = make("exited-garbage");
  const DirFd dir = pods.dir("exited-garbage").sub(id.str());
  {
    const auto held = hold("exited-garbage", id);
    EXPECT_FALSE(lock_unless_held(dir));
  }
  EXPECT_TRUE(lock_unless_held(dir));
}

TEST_F(TransitionTest, TheLockIsWaitedForWhileItIsOnlyTested) {
  const Uuid id = make("exited-garbage");
  const DirFd dir = pods.dir("exited-garbage").sub(id.str());
  std::optional<DirLock> tester = DirLock::take(dir.sub(".").release(), LockMode::shared);
  std::atomic<bool> locked = false;
  std::thread waiter([&] {
    EXPECT_TRUE(lock_unless_held(dir));
    locked = true;
  });
  std::this_thread::yield();
  EXPECT_FALSE(locked);
  tester.reset();
  waiter.join();
}

TEST_F(TransitionTest, RemovalLeavesAnEmptyDirectoryAndFollowsNoLink) {
  const Uuid id = make("garbage");
  const DirFd pod = pods.dir("garbage").sub(id.str());
  const DirFd outside = tmp.dir().make_sub("outside");
  write_file(outside, "kept", "", 0644);
  const DirFd rootfs = pod.make_path_in_root("stage1/rootfs/opt");
  ASSERT_EQ(::symlinkat((tmp.path() + "/outside").c_str(), rootfs.get(), "link"), 0);
  pod.make_path_in_root("overlay/deps/upper");
  write_file(pod, "pod", "{}", 0640);
  write_file(pod, "pid", "1", 0644);
  remove_files(pod);
  EXPECT_THAT(pod.names(), IsEmpty());
  EXPECT_TRUE(outside.exists("kept"));
  remove_files(pod);  // can be repeated
}

}  // namespace
}  // namespace rkt::pod
