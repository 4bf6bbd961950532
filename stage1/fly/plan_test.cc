// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::fly {
namespace {

using ::testing::ElementsAre;

appc::RuntimeApp app_with(std::vector<appc::Mount> mounts) {
  return {.name = appc::AcName::parse("a"),
          .image_id = appc::ImageId::parse("sha512-00").value(),
          .image_name = {},
          .image_labels = {},
          .app = std::nullopt,
          .read_only_rootfs = false,
          .mounts = std::move(mounts),
          .annotations = {}};
}
appc::Volume volume(const char* text) { return appc::Volume::parse_flag(text); }
appc::MountPoint point(const char* name, const char* path, bool read_only = false) {
  return {.name = appc::AcName::parse(name), .path = path, .read_only = read_only};
}

std::vector<MountOp> volumes_of(const std::vector<MountOp>& plan) { return {plan.begin() + 4, plan.end()}; }

std::string as_written(const std::string& path) { return path; }

std::string failure(const appc::RuntimeApp& app, const std::vector<appc::MountPoint>& points,
                    const std::vector<appc::Volume>& volumes, const PlaceOf& place_of = as_written) {
  try {
    plan_mounts(app, points, volumes, "/pod", place_of);
  } catch (const Error& e) {
    return e.cause();
  }
  return "no error";
}

TEST(PlanMounts, AMountMayBringItsOwnVolume) {
  const auto app = app_with({{.volume = "v", .path = "/data", .app_volume = volume("v,kind=host,source=/own")}});
  const auto plan = plan_mounts(app, {}, {volume("v,kind=host,source=/pods")}, "/pod", as_written);
  EXPECT_THAT(volumes_of(plan), ElementsAre(MountOp{.source = "/own", .target = "/data", .gives_back = true}));
}

TEST(FlyMounts, NothingIsMountedOnTheRootAndOnProc) {
  for (const char* path : {"/", "/./", "/proc", "/proc/"})
    EXPECT_EQ(failure(app_with({}), {point("v", path)}, {volume("v,kind=host,source=/srv")}),
              cat("volume \"v\" cannot be mounted on ", quoted(path)));
}

TEST(FlyMounts, BeginWithTheHostsKernelFilesystemsAndATmpfs) {
  const auto plan = plan_mounts(app_with({}), {}, {}, "/pod", as_written);
  ASSERT_EQ(plan.size(), 4U);
  EXPECT_EQ(plan[0], (MountOp{.source = "/dev", .target = "/dev", .recursive = true}));
  EXPECT_EQ(plan[3], (MountOp{.kind = MountOp::Kind::tmpfs, .source = "", .target = "/tmp"}));
}

TEST(FlyMounts, AreNotRecursiveUnlessTheVolumeSaysSo) {
  const auto plan = plan_mounts(app_with({}), {point("d", "/data"), point("r", "/rec")},
                                {volume("d,kind=host,source=/srv"), volume("r,kind=host,source=/x,recursive=true")},
                                "/pod", as_written);
  EXPECT_THAT(volumes_of(plan),
              ElementsAre(MountOp{.source = "/srv", .target = "/data", .gives_back = true},
                          MountOp{.source = "/x", .target = "/rec", .recursive = true, .gives_back = true}));
}

TEST(FlyMounts, TakeReadOnlyFromTheMountPointUnlessTheVolumeSaysOtherwise) {
  const auto plan = plan_mounts(app_with({}), {point("a", "/a", true), point("b", "/b", true)},
                                {volume("a,kind=host,source=/s"), volume("b,kind=host,source=/s,readOnly=false")},
                                "/pod", as_written);
  EXPECT_TRUE(volumes_of(plan)[0].read_only);
  EXPECT_FALSE(volumes_of(plan)[0].gives_back);
  EXPECT_FALSE(volumes_of(plan)[1].read_only);
  EXPECT_TRUE(volumes_of(plan)[1].gives_back);
}

TEST(FlyMounts, PutParentsFirst) {
  const auto plan = plan_mounts(
      app_with({{.volume = "x", .path = "/a/b", .app_volume = {}},
                {.volume = "y", .path = "/a-b", .app_volume = {}},
                {.volume = "z", .path = "//a/", .app_volume = {}}}),
      {}, {volume("x,kind=host,source=/1"), volume("y,kind=host,source=/2"), volume("z,kind=host,source=/3")}, "/pod",
      as_written);
  EXPECT_EQ(volumes_of(plan)[0].source, "/3");
  EXPECT_EQ(volumes_of(plan)[1].source, "/1");
  EXPECT_EQ(volumes_of(plan)[2].source, "/2");
}

TEST(FlyMounts, AreOrderedByWhereTheImagesLinksLead) {
  const auto place_of = [](const std::string& path) { return path == "/a" ? std::string("/deep/in") : path; };
  const auto plan = plan_mounts(app_with({}), {point("x", "/a"), point("y", "/deep")},
                                {volume("x,kind=host,source=/1"), volume("y,kind=host,source=/2")}, "/pod", place_of);
  EXPECT_EQ(volumes_of(plan)[0].source, "/2");
  EXPECT_EQ(volumes_of(plan)[1].target, "/deep/in");
}

TEST(FlyMounts, AreNotForALinkToWhatIsTheKernels) {
  for (const char* place : {"/", "/proc", "/sys", "/dev"})
    EXPECT_EQ(failure(app_with({}), {point("v", "/link")}, {volume("v,kind=host,source=/srv")},
                      [&](const std::string&) { return place; }),
              cat("\"/link\" is a link to ", quoted(place), " in the image"));
  EXPECT_EQ(failure(app_with({}), {point("v", "/dev/")}, {volume("v,kind=host,source=/srv")},
                    [](const std::string&) { return "/dev"; }),
            "no error");
}

TEST(FlyMounts, BackAnEmptyVolumeInThePod) {
  const auto plan = plan_mounts(app_with({}), {point("d", "/data")}, {volume("d,kind=empty")}, "/pod", as_written);
  EXPECT_EQ(volumes_of(plan)[0].source, "/pod/sharedVolumes/d");
  EXPECT_FALSE(volumes_of(plan)[0].gives_back);
}

TEST(FlyMounts, LeaveAnUnusedVolumeOut) {
  EXPECT_EQ(plan_mounts(app_with({}), {}, {volume("d,kind=host,source=/srv")}, "/pod", as_written).size(), 4U);
}

TEST(FlyMounts, FailWithTheReferencesTexts) {
  const appc::Mount mount{.volume = "d", .path = "/data", .app_volume = {}};
  EXPECT_EQ(failure(app_with({}), {point("d", "/data")}, {}), "missing volume for mountpoint \"d\"");
  EXPECT_EQ(failure(app_with({mount, mount}), {}, {}), "duplicate mount given: \"d\"");
  EXPECT_EQ(failure(app_with({mount}), {point("d", "/other")}, {}),
            "conflicting path information from mount and mountpoint \"d\"");
}

}  // namespace
}  // namespace rkt::fly
