// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/limits.h>

#include "base/error.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::native {
namespace {

TEST(PodState, IsReadAsItWasWritten) {
  const TempDir tmp;
  EXPECT_FALSE(load_state(tmp.dir()));
  PodState state{.restrictions = {.seccomp = false}, .limits = stage1::callers_limits(), .apps = {}};
  state.limits.nice = -3;
  state.limits.resources[RLIMIT_CORE] = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
  state.apps.push_back(
      {.name = "a", .pid = 7, .no_new_privs = true, .uid = 1000, .gid = 50, .groups = {50, 4294967294}});
  save_state(tmp.dir(), state);
  const auto read = load_state(tmp.dir());
  ASSERT_TRUE(read && read->find("a") != nullptr);
  const PodState::App& a = *read->find("a");
  EXPECT_TRUE(a.pid == 7 && a.no_new_privs && a.uid == 1000 && a.gid == 50);
  EXPECT_THAT(a.groups, testing::ElementsAre(50U, 4294967294U));
  EXPECT_FALSE(read->restrictions.seccomp);
  EXPECT_EQ(read->limits.nice, -3);
  for (std::size_t kind = 0; kind < state.limits.resources.size(); ++kind) {
    EXPECT_EQ(read->limits.resources[kind].rlim_cur, state.limits.resources[kind].rlim_cur) << kind;
    EXPECT_EQ(read->limits.resources[kind].rlim_max, state.limits.resources[kind].rlim_max) << kind;
  }
}

TEST(PodState, HasRoomForAllTheGroupsThatAppsMayHave) {
  const TempDir tmp;
  PodState state{.restrictions = {}, .limits = stage1::callers_limits(), .apps = {}};
  const std::vector<gid_t> groups(NGROUPS_MAX, 4294967294);
  for (int i = 1; i <= 3; ++i) state.apps.push_back({.name = std::to_string(i), .pid = i, .groups = groups});
  save_state(tmp.dir(), state);
  const auto read = load_state(tmp.dir());
  ASSERT_TRUE(read && read->find("3") != nullptr);
  EXPECT_EQ(read->find("3")->groups, groups);
}

TEST(PodState, OfAnotherFormIsRefused) {
  const TempDir tmp;
  write_file(tmp.dir(), "stage1-native.json",
             R"({"capabilities":true,"paths":true,"seccomp":true,"limits":{"nice":0,"resources":[[1]]}})", 0644);
  EXPECT_THROW(load_state(tmp.dir()), Error);
}

}  // namespace
}  // namespace rkt::native
