// SPDX-License-Identifier: Apache-2.0
#include "cgroup/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rkt::cgroup {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Recorded: every v1 controller in a mount of its own, an empty cgroup2 beside, no systemd.
constexpr const char* kSeparateCgroup =
    "9:name=systemd:/\n8:pids:/\n7:blkio:/\n6:freezer:/\n5:devices:/\n"
    "4:memory:/process_api/888316\n3:cpuset:/\n2:cpuacct:/\n1:cpu:/\n0::/\n";
constexpr const char* kSeparateMounts =
    "23 1 0:20 / /sys rw,relatime - sysfs sysfs rw\n"
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
    "33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n"
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "36 31 0:33 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

// A systemd host with v1 only, controllers mounted in pairs.
constexpr const char* kPairedCgroup =
    "11:memory:/user.slice\n5:cpu,cpuacct:/user.slice\n3:cpuset:/\n"
    "1:name=systemd:/user.slice/user-0.slice/session-c1.scope\n";
constexpr const char* kPairedMounts =
    "30 25 0:26 / /sys/fs/cgroup/systemd rw,nosuid shared:9 - cgroup cgroup "
    "rw,xattr,release_agent=/lib/systemd/x,name=systemd\n"
    "33 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:10 - cgroup cgroup rw,cpu,cpuacct\n"
    "34 25 0:30 / /sys/fs/cgroup/memory rw,nosuid shared:11 - cgroup cgroup rw,memory\n";

constexpr const char* kUnifiedCgroup = "0::/user.slice/user-0.slice/session-1.scope\n";
constexpr const char* kUnifiedMounts =
    "30 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec shared:4 - cgroup2 cgroup2 "
    "rw,nsdelegate,memory_recursiveprot\n";

const Uuid kId = *Uuid::parse("a5e5f2b0-1c2d-4e3f-8a9b-0123456789ab");

TEST(Layout, FindsSeparateControllersAndTheUnifiedHierarchyOfAHybridHost) {
  const Layout layout = parse_layout(kSeparateCgroup, kSeparateMounts);
  EXPECT_EQ(layout.mode(), Mode::hybrid);
  ASSERT_NE(layout.v1("memory"), nullptr);
  EXPECT_EQ(layout.v1("memory")->own, "/process_api/888316");
  EXPECT_EQ(layout.v1("memory")->mount_point, "/sys/fs/cgroup/memory");
  EXPECT_EQ(layout.v1("hugetlb"), nullptr);
  ASSERT_NE(layout.unified(), nullptr);
  EXPECT_EQ(layout.tracking(), layout.unified());
}

TEST(Layout, TracksByTheNamedHierarchyWhereThereIsNoUnifiedOne) {
  const Layout layout = parse_layout(kPairedCgroup, kPairedMounts);
  EXPECT_EQ(layout.mode(), Mode::v1);
  ASSERT_NE(layout.tracking(), nullptr);
  EXPECT_THAT(layout.tracking()->controllers, ElementsAre("name=systemd"));
  EXPECT_EQ(layout.tracking()->own, "/user.slice/user-0.slice/session-c1.scope");
  EXPECT_EQ(layout.v1("cpu"), layout.v1("cpuacct"));
}

TEST(Layout, KnowsTheUnifiedHierarchyAlone) {
  const Layout layout = parse_layout(kUnifiedCgroup, kUnifiedMounts);
  EXPECT_EQ(layout.mode(), Mode::v2);
  EXPECT_EQ(layout.unified()->own, "/user.slice/user-0.slice/session-1.scope");
}

// Recorded: a container that mounts the hierarchies of its own cgroup namespace over those it was given, and one that
// is covered by something else.
TEST(Layout, TakesWhatWasMountedLastAtAPlace) {
  constexpr const char* kCovered =
      "35 31 0:32 /outer /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
      "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
      "97 35 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
      "98 39 0:50 / /sys/fs/cgroup/pids rw,relatime - tmpfs none rw\n";
  const Layout layout = parse_layout("8:pids:/\n4:memory:/\n0::/\n", kCovered);
  ASSERT_NE(layout.v1("memory"), nullptr);
  EXPECT_EQ(layout.v1("memory")->mount_root, "/");
  EXPECT_EQ(layout.v1("pids"), nullptr);
  ASSERT_NE(layout.unified(), nullptr);
}

// Recorded: an initial RAM disk mounted /sys, and moved it into the root file system that it mounted later.
TEST(Layout, TheRootThatComesLaterHidesNothing) {
  const Layout layout = parse_layout(kUnifiedCgroup,
                                     "22 28 0:21 / /sys rw shared:7 - sysfs sysfs rw\n"
                                     "28 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
                                     "30 22 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(layout.mode(), Mode::v2);
}

TEST(Layout, SeesNothingBelowAMountThatCoversTheDirectory) {
  const Layout layout = parse_layout("4:memory:/\n",
                                     "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
                                     "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                                     "50 31 0:60 / /sys/fs/cgroup rw - tmpfs none rw\n");
  EXPECT_TRUE(layout.hierarchies.empty());
}

TEST(Choice, FindsIoUnderItsOldNameInVersionOne) {
  const Layout v1 = parse_layout("1:blkio:/\n", "39 31 0:36 / /b rw - cgroup cgroup rw,blkio\n");
  const Choice old = choose(v1, {.io = true}, "");
  ASSERT_EQ(old.uses.size(), 1U);
  EXPECT_THAT(old.uses[0].controllers, ElementsAre("io"));
  const Layout v2 = parse_layout(kUnifiedCgroup, kUnifiedMounts);
  EXPECT_THAT(choose(v2, {.io = true}, "cpu io").uses[0].controllers, ElementsAre("io"));
  EXPECT_THAT(choose(v2, {.io = true}, "cpu").missing, ElementsAre("io"));
}

TEST(Layout, IsEmptyWithoutCgroupMounts) {
  const Layout layout = parse_layout(kUnifiedCgroup, "23 1 0:20 / /sys rw - sysfs sysfs rw\ngarbage\n\n");
  EXPECT_EQ(layout.mode(), Mode::none);
  EXPECT_EQ(layout.tracking(), nullptr);
}

TEST(Layout, TakesTheFirstOfTwoMountsOfOneHierarchyAndUnescapesItsPath) {
  const Layout layout = parse_layout("0::/\n",
                                     "1 0 0:1 / /cg\\040root rw - cgroup2 cgroup2 rw\n"
                                     "2 0 0:1 / /other rw - cgroup2 cgroup2 rw\n");
  ASSERT_EQ(layout.hierarchies.size(), 1U);
  EXPECT_EQ(layout.hierarchies[0].mount_point, "/cg root");
}

TEST(Hierarchy, GivesTheDirectoryOfACgroupBelowWhatIsMounted) {
  const Hierarchy part{
      .v2 = false, .controllers = {"cpu"}, .mount_point = "/cg", .mount_root = "/docker/x", .own = "/docker/x"};
  EXPECT_EQ(part.directory("/docker/x"), "/cg");
  EXPECT_EQ(part.directory("/docker/x/y"), "/cg/y");
  EXPECT_EQ(part.directory("/docker/xy"), std::nullopt);
  EXPECT_EQ(part.directory("/"), std::nullopt);
  const Hierarchy whole{.v2 = true, .controllers = {}, .mount_point = "/cg", .mount_root = "/", .own = "/"};
  EXPECT_EQ(whole.directory("/"), "/cg");
  EXPECT_EQ(whole.directory("/a/b"), "/cg/a/b");
}

TEST(Hierarchy, RefusesACgroupOutsideOfTheCgroupNamespace) {
  const Hierarchy h{.v2 = true, .controllers = {}, .mount_point = "/cg", .mount_root = "/", .own = "/../x"};
  EXPECT_EQ(h.directory("/../x"), std::nullopt);
}

TEST(Choose, TouchesOnlyTrackingWhenNothingIsLimited) {
  const Layout layout = parse_layout(kSeparateCgroup, kSeparateMounts);
  const Choice c = choose(layout, {}, "");
  EXPECT_THAT(c.uses, ElementsAre(Choice::Use{layout.unified(), {}}));
  EXPECT_THAT(c.missing, IsEmpty());
}

TEST(Choose, AddsTheHierarchiesOfTheNeedsOnce) {
  const Layout layout = parse_layout(kPairedCgroup, kPairedMounts);
  const Choice c = choose(layout, {.memory = true, .cpu = true, .pids = true}, "");
  EXPECT_THAT(c.uses, ElementsAre(Choice::Use{layout.tracking(), {}}, Choice::Use{layout.v1("memory"), {"memory"}},
                                  Choice::Use{layout.v1("cpu"), {"cpu"}}));
  EXPECT_THAT(c.missing, ElementsAre("pids"));
}

TEST(Choose, TakesControllersOfTheUnifiedHierarchy) {
  const Layout layout = parse_layout(kUnifiedCgroup, kUnifiedMounts);
  const Choice c = choose(layout, {.memory = true, .cpu = true, .devices = true}, "cpuset memory pids\n");
  EXPECT_THAT(c.uses, ElementsAre(Choice::Use{layout.unified(), {"memory", "devices"}}));
  EXPECT_THAT(c.missing, ElementsAre("cpu"));
}

TEST(ChooseBase, IsWhoeverGivesMostAndNobodyMovesForNothing) {
  EXPECT_EQ(choose_base(2, 0, true, true, std::nullopt), Base::own_left);
  EXPECT_EQ(choose_base(2, 0, false, true, std::nullopt), Base::own);
  EXPECT_EQ(choose_base(2, 0, false, true, 0), Base::slice);
  EXPECT_EQ(choose_base(2, 1, true, true, 0), Base::slice) << "of a unit that has not all of them delegated";
  EXPECT_EQ(choose_base(2, 1, true, true, 1), Base::own_left);
  EXPECT_EQ(choose_base(2, 2, true, true, 2), Base::own);
  EXPECT_EQ(choose_base(2, 0, true, true, 0), Base::own_left);
  EXPECT_EQ(choose_base(2, 0, true, false, 0), Base::slice) << "of a unit whose manager has more to start in it";
  EXPECT_EQ(choose_base(2, 0, true, false, 1), Base::own_left) << "limits count for more than that";
  EXPECT_EQ(choose_base(2, 0, true, false, std::nullopt), Base::own_left);
}

TEST(Membership, KeepsColonsInThePath) {
  const auto all = parse_memberships("4:cpu,cpuacct:/a:b\n0::/c\nnonsense\n");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_THAT(all[0].controllers, ElementsAre("cpu", "cpuacct"));
  EXPECT_EQ(all[0].path, "/a:b");
  EXPECT_THAT(all[1].controllers, IsEmpty());
}

TEST(Names, AreThoseOfTheReference) {
  EXPECT_EQ(scope_name(kId), "machine-rkt\\x2da5e5f2b0\\x2d1c2d\\x2d4e3f\\x2d8a9b\\x2d0123456789ab.scope");
  EXPECT_EQ(child_path("/", "x"), "/x");
  EXPECT_EQ(child_path("/a", "x"), "/a/x");
}

}  // namespace
}  // namespace rkt::cgroup
