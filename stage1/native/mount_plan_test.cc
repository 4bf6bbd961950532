// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/mount_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace rkt::native {
namespace {

using Kind = MountOp::Kind;

VolumeMount host_volume(const char* target, bool read_only = false) {
  return {.target = target,
          .volume = {.name = appc::AcName::parse("v"), .kind = appc::Volume::Kind::host, .source = "/src"},
          .read_only = read_only};
}

const MountOp* find(const std::vector<MountOp>& plan, Kind kind, std::string_view target) {
  const auto it = std::ranges::find_if(plan, [&](const MountOp& op) { return op.kind == kind && op.target == target; });
  return it == plan.end() ? nullptr : &*it;
}

TEST(PlanMounts, AreReadOnlyAndHiddenWhereTheKernelShowsTooMuch) {
  const auto plan = plan_mounts({.volumes = {}});
  EXPECT_FALSE(find(plan, Kind::sys, "/sys")->writable);
  for (const char* path : {"/proc/sys", "/proc/sysrq-trigger", "/proc/bus"})
    EXPECT_TRUE(find(plan, Kind::read_only, path)) << path;
  for (const char* path : {"/proc/kcore", "/proc/kallsyms", "/proc/keys", "/sys/firmware", "/sys/fs", "/sys/module"})
    EXPECT_TRUE(find(plan, Kind::hide, path)) << path;
}

TEST(PlanMounts, WithoutProtectionNothingIsHidden) {
  const auto plan = plan_mounts({.volumes = {}, .protect_paths = false});
  EXPECT_TRUE(find(plan, Kind::sys, "/sys")->writable);
  EXPECT_TRUE(std::ranges::none_of(plan, [](const auto& op) { return op.kind == Kind::hide; }));
  EXPECT_TRUE(std::ranges::none_of(plan, [](const auto& op) { return op.kind == Kind::read_only; }));
}

TEST(PlanMounts, AVolumeOnSysTakesItsPlace) {
  const std::vector<VolumeMount> volumes{host_volume("/sys")};
  const auto plan = plan_mounts({.volumes = volumes});
  EXPECT_FALSE(find(plan, Kind::sys, "/sys"));
  EXPECT_FALSE(find(plan, Kind::hide, "/sys/firmware"));
  EXPECT_TRUE(find(plan, Kind::bind, "/sys"));
  EXPECT_TRUE(find(plan, Kind::hide, "/proc/kcore"));
}

TEST(PlanMounts, TheOperatorsVolumeTakesTheHiddenPlacesPlace) {
  const std::vector<VolumeMount> volumes{host_volume("/sys/fs")};
  EXPECT_FALSE(find(plan_mounts({.volumes = volumes}), Kind::hide, "/sys/fs"));
  const std::vector<VolumeMount> below{host_volume("/sys/fs/cgroup")};
  const auto plan = plan_mounts({.volumes = below});
  EXPECT_TRUE(find(plan, Kind::hide, "/sys/fs")->writable);
  EXPECT_FALSE(find(plan, Kind::hide, "/sys/module")->writable);
}

TEST(PlanMounts, AnImageUncoversNothingByNamingIt) {
  std::vector<VolumeMount> volumes;
  for (const char* path : {"/proc/kallsyms", "/sys/fs", "/sys/module/kernel", "/sys"}) {
    volumes.push_back(host_volume(path));
    volumes.back().implicit = true;
  }
  const auto plan = plan_mounts({.volumes = volumes});
  for (const char* path : {"/proc/kallsyms", "/sys/fs", "/sys/module", "/sys/firmware"})
    EXPECT_TRUE(find(plan, Kind::hide, path)) << path;
  EXPECT_TRUE(find(plan, Kind::sys, "/sys"));
  EXPECT_TRUE(std::ranges::none_of(plan, [](const auto& op) { return op.kind == Kind::bind; }));
}

TEST(PlanMounts, NothingOfAVolumeGoesIntoProc) {
  const std::vector<VolumeMount> volumes{host_volume("/proc"), host_volume("/proc/sys/kernel")};
  const auto plan = plan_mounts({.volumes = volumes});
  EXPECT_TRUE(std::ranges::none_of(plan, [](const auto& op) { return op.kind == Kind::bind; }));
}

TEST(PlanMounts, VolumesSayWhetherTheyMayBeWrittenAndWhereTheyComeFrom) {
  std::vector<VolumeMount> volumes{host_volume("/rw"), host_volume("/ro", true)};
  volumes.push_back({.target = "/empty", .volume = {.name = appc::AcName::parse("scratch")}});
  const auto plan = plan_mounts({.volumes = volumes});
  EXPECT_TRUE(find(plan, Kind::bind, "/rw")->writable);
  EXPECT_FALSE(find(plan, Kind::bind, "/ro")->writable);
  EXPECT_EQ(find(plan, Kind::bind, "/rw")->source, "/src");
  EXPECT_EQ(find(plan, Kind::bind, "/empty")->source, "sharedVolumes/scratch");
}

TEST(VolumeBacking, OfAnImplicitVolumeIsTheAppsAlone) {
  VolumeMount m{.target = "/x", .volume = {.name = appc::AcName::parse("a-b-c")}, .implicit = true};
  EXPECT_NE(volume_backing(m, "a"), volume_backing(m, "a-b"));
  EXPECT_TRUE(volume_backing(m, "a").starts_with("sharedVolumes/."));  // no volume has such a name
  m.implicit = false;
  EXPECT_EQ(volume_backing(m, "a"), "sharedVolumes/a-b-c");
}

TEST(PlanMounts, NameFilesLieOnTopOfVolumes) {
  const std::vector<VolumeMount> volumes{host_volume("/etc")};
  const std::vector<MountOp> files{{.kind = Kind::bind, .target = "/etc/hosts", .source = "x"}};
  const auto plan = plan_mounts({.volumes = volumes, .files = files});
  EXPECT_GT(find(plan, Kind::bind, "/etc/hosts"), find(plan, Kind::bind, "/etc"));
  EXPECT_GT(find(plan, Kind::hostname, "/etc/hostname"), find(plan, Kind::bind, "/etc"));
}

TEST(PlanMounts, ADeviceHasALinkByItsName) {
  std::vector<VolumeMount> volumes{host_volume("/a"), host_volume("/b"), host_volume("/c")};
  volumes[1].device = volumes[2].device = true;
  const auto plan = plan_mounts({.volumes = volumes});
  ASSERT_TRUE(find(plan, Kind::link, "/dev/.rkt/v"));
  EXPECT_EQ(find(plan, Kind::link, "/dev/.rkt/v")->source, "/b");
  EXPECT_EQ(std::ranges::count(plan, Kind::link, &MountOp::kind), 1);
}

}  // namespace
}  // namespace rkt::native
