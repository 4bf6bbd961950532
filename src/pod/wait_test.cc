// SPDX-License-Identifier: Apache-2.0
#include "pod/wait.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

#include "pod/for_test.h"
#include "pod/watch.h"

namespace rkt::pod {
namespace {
using namespace std::chrono_literals;

class WaitTest : public PodsForTest {
 protected:
  template <class Body>
  void meanwhile(Body&& body) {
    other_ = std::thread(std::forward<Body>(body));
  }
  void TearDown() override {
    if (other_.joinable()) other_.join();
  }

 private:
  std::thread other_;
};

TEST_F(WaitTest, APodThatEndedIsNotWaitedFor) {
  auto pod = Pod::open(pods, make("run"));
  EXPECT_TRUE(wait_finished(pods, pod, std::nullopt));
}

TEST_F(WaitTest, TheEndOfARunningPodEndsTheWait) {
  const Uuid id = make("run");
  std::optional<DirLock> lock = hold("run", id);
  auto pod = Pod::open(pods, id);
  meanwhile([&] { lock.reset(); });
  EXPECT_TRUE(wait_finished(pods, pod, 20s));
  EXPECT_EQ(pod.state(), State::exited);
}

TEST_F(WaitTest, ALimitEndsTheWaitForARunningPod) {
  const Uuid id = make("run");
  const auto lock = hold("run", id);
  auto pod = Pod::open(pods, id);
  EXPECT_FALSE(wait_finished(pods, pod, 30ms));
}

TEST_F(WaitTest, ALimitEndsTheWaitForAPreparedPod) {
  auto pod = Pod::open(pods, make("prepared"));
  EXPECT_FALSE(wait_finished(pods, pod, 30ms));
}

TEST_F(WaitTest, APreparedPodIsFollowedUntilItHasEnded) {
  const Uuid id = make("prepared");
  auto pod = Pod::open(pods, id);
  meanwhile([&] { pods.dir("prepared").rename(id.str(), pods.dir("run"), id.str()); });
  EXPECT_TRUE(wait_finished(pods, pod, 20s));
  EXPECT_EQ(pod.state(), State::exited);
}

TEST_F(WaitTest, ARemovedPodHasEnded) {
  const Uuid id = make("prepared");
  auto pod = Pod::open(pods, id);
  meanwhile([&] { pods.dir("prepared").remove_tree(id.str()); });
  EXPECT_TRUE(wait_finished(pods, pod, 20s));
  EXPECT_EQ(pod.state(), State::gone);
}

TEST_F(WaitTest, TheReadyMarkEndsTheWaitForIt) {
  const Uuid id = make("run");
  const auto lock = hold("run", id);
  auto pod = Pod::open(pods, id);
  const DirFd dir = overlay_of(pod).make_path_in_root("rkt");
  meanwhile([&] { EXPECT_EQ(::symlinkat("ready", dir.get(), "supervisor-status"), 0); });
  EXPECT_EQ(wait_ready(pods, pod, 20s), Ready::ready);
}

TEST_F(WaitTest, APodWithoutTheMarkIsGivenUpAtTheLimitOrAtItsEnd) {
  const Uuid id = make("run");
  std::optional<DirLock> lock = hold("run", id);
  auto pod = Pod::open(pods, id);
  EXPECT_EQ(wait_ready(pods, pod, 30ms), Ready::timeout);
  lock.reset();
  EXPECT_EQ(wait_ready(pods, pod, std::nullopt), Ready::ended);
}

TEST(WatchTest, WithoutInotifyNothingIsWatchedAndWhoWaitsLooksNowAndThen) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const TempDir tmp;
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);  // the kernel's answer to one instance too many is the same
  std::optional<Watch> watch;
  EXPECT_NO_THROW(watch.emplace());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(watch);
  watch->add(tmp.dir().get(), IN_CREATE);
  watch->drain();
  EXPECT_EQ(watch->fd(), -1);
  EXPECT_GT(watch->wait_ms(-1), 0);
  EXPECT_EQ(Watch().wait_ms(-1), -1);
}

}  // namespace
}  // namespace rkt::pod
