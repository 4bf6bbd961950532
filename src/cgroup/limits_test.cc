// SPDX-License-Identifier: Apache-2.0
#include "cgroup/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::cgroup {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<std::string> kAll = {"memory", "cpu", "pids", "io", "devices"};

TEST(PlanLimits, WritesMemoryBeforeMemoryAndSwapSinceTheSecondMayNotBeLess) {
  EXPECT_THAT(plan_limits(false, {"memory"}, {.memory_bytes = 16 << 20, .cpu_milli = 500}),
              ElementsAre(Write{"memory", "memory.limit_in_bytes", "16777216"},
                          Write{"memory", "memory.memsw.limit_in_bytes", "16777216", true}));
}

TEST(PlanLimits, GivesTheUnifiedHierarchyNoSwapBeyondTheMemoryLimit) {
  EXPECT_THAT(plan_limits(true, kAll, {.memory_bytes = 4096}),
              ElementsAre(Write{"memory", "memory.max", "4096"}, Write{"memory", "memory.swap.max", "0", true}));
}

TEST(PlanLimits, WritesQuotaAndSharesWhereTheCpuControllerIs) {
  EXPECT_THAT(plan_limits(false, {"cpu"}, {.cpu_milli = 500, .cpu_shares = 512}),
              ElementsAre(Write{"cpu", "cpu.cfs_quota_us", "50000"}, Write{"cpu", "cpu.shares", "512"}));
  EXPECT_THAT(plan_limits(true, kAll, {.cpu_milli = 1500, .cpu_shares = 1024}),
              ElementsAre(Write{"cpu", "cpu.max", "150000 100000"}, Write{"cpu", "cpu.weight", "39"}));
}

TEST(PlanLimits, DeniesAllDevicesBeforeAllowingSome) {
  const auto writes = plan_limits(false, {"devices"}, {.default_devices = true, .devices = {"b 8:1 r"}});
  ASSERT_GT(writes.size(), 2U);
  EXPECT_EQ(writes.front(), (Write{"devices", "devices.deny", "a"}));
  EXPECT_EQ(writes.back(), (Write{"devices", "devices.allow", "b 8:1 r"}));
}

TEST(PlanLimits, ThrottlesEachDiskInBothDirections) {
  const Limits limits{.io_bytes = 1000, .io_operations = 20, .disks = {"8:0", "254:0"}};
  EXPECT_THAT(plan_limits(true, kAll, limits),
              ElementsAre(Write{"io", "io.max", "8:0 rbps=1000 wbps=1000 riops=20 wiops=20"},
                          Write{"io", "io.max", "254:0 rbps=1000 wbps=1000 riops=20 wiops=20"}));
  EXPECT_THAT(plan_limits(false, {"io"}, {.io_bytes = 7, .disks = {"8:0"}}),
              ElementsAre(Write{"io", "blkio.throttle.read_bps_device", "8:0 7"},
                          Write{"io", "blkio.throttle.write_bps_device", "8:0 7"}));
  EXPECT_THAT(plan_limits(true, {"memory"}, limits), IsEmpty());
}

TEST(PlanLimits, LimitsProcessesAlikeInBothVersions) {
  for (const bool v2 : {false, true})
    EXPECT_THAT(plan_limits(v2, {"pids"}, {.pids = 5}), ElementsAre(Write{"pids", "pids.max", "5"}));
}

// As of a host with a controller whose names have a "/", a part of a disk, a drive without a medium and one that has
// gone in between.
TEST(Disks, AreThoseWithASizeAndNoPartsOfThem) {
  constexpr std::string_view kPartitions =
      "major minor  #blocks  name\n"
      "\n"
      "   8        0  268435456 sda\n"
      "   8        1     524288 sda1\n"
      " 104        0    8388608 cciss/c0d0\n"
      " 104        1       1024 cciss/c0d0p1\n"
      "   7        0          0 loop0\n"
      " 259        7       4096 nvme9n1\n";
  EXPECT_THAT(parse_disks(kPartitions, {"cciss!c0d0", "loop0", "sda", "sr0"}), ElementsAre("104:0", "7:0", "8:0"));
  EXPECT_THAT(parse_disks("", {"sda"}), IsEmpty());
  EXPECT_THAT(parse_disks("8 x\nmajor minor #blocks sda\n", {"sda"}), IsEmpty());
}

// A host's own are told as /sys tells them: those that do not come and go while tests run.
TEST(Disks, OfThisHostAreThoseOfSys) {
  const DirFd block = DirFd::open("/sys/block");
  std::vector<std::string> expected;
  for (const auto& name : block.names()) {
    if (name.starts_with("loop")) continue;
    const auto text = [&](const char* file) { return find_file_text(block, cat(name, "/", file)).value_or("0\n"); };
    if (text("size") != "0\n" && block.exists(cat(name, "/dev"))) expected.emplace_back(trim(text("dev")));
  }
  auto found = find_disks();
  std::erase_if(found, [](const std::string& device) { return device.starts_with("7:"); });
  EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(expected));
}

TEST(PlanLimits, WritesAFileForAllDisksInARow) {
  const auto writes = plan_limits(false, {"io"}, {.io_bytes = 7, .io_operations = 9, .disks = {"8:0", "8:16"}});
  std::vector<std::string> files;
  for (const auto& w : writes)
    if (files.empty() || files.back() != w.file) files.push_back(w.file);
  EXPECT_EQ(writes.size(), 8U);
  EXPECT_EQ(files.size(), 4U);
}

TEST(PlanLimits, WritesNothingWithoutLimits) {
  EXPECT_THAT(plan_limits(false, kAll, {}), IsEmpty());
  EXPECT_THAT(plan_limits(true, kAll, {}), IsEmpty());
}

TEST(Needs, FollowFromTheLimits) {
  EXPECT_THAT(Limits{}.needs().names(), IsEmpty());
  EXPECT_THAT((Limits{.memory_bytes = 1, .pids = 1}.needs().names()), ElementsAre("memory", "pids"));
  EXPECT_TRUE(Limits{.cpu_shares = 2}.needs().cpu);
  EXPECT_TRUE(Limits{.default_devices = true}.needs().devices);
}

TEST(Conversion, MapsSharesToTheWholeRangeOfWeights) {
  EXPECT_EQ(weight_from_shares(2), 1U);
  EXPECT_EQ(weight_from_shares(1024), 39U);
  EXPECT_EQ(weight_from_shares(262144), 10000U);
  EXPECT_EQ(weight_from_shares(0), 1U);
}

TEST(FlatValue, IsFoundByItsWholeKey) {
  EXPECT_EQ(flat_value("low 0\noom 3\noom_kill 2\noom_group_kill 0\n", "oom_kill"), 2U);
  EXPECT_EQ(flat_value("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", "oom_kill"), 1U);
  EXPECT_EQ(flat_value("oom 3\n", "oom_kill"), 0U);
  EXPECT_EQ(flat_value("", "oom_kill"), 0U);
  EXPECT_EQ(flat_value("oom_kill\noom_kill x\n", "oom_kill"), 0U);
}

TEST(Conversion, KeepsAQuotaTheKernelTakes) {
  EXPECT_EQ(quota_from_milli(500), 50'000);
  EXPECT_EQ(quota_from_milli(1), 1'000);
  EXPECT_EQ(quota_from_milli(INT64_MAX), 1'000'000'000);
}

}  // namespace
}  // namespace rkt::cgroup
