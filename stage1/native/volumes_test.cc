// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/volumes.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::native {
namespace {

class Volumes : public ::testing::Test {
 protected:
  void add_volume(const char* name, std::optional<bool> read_only = std::nullopt) {
    pod_.volumes.push_back({.name = appc::AcName::parse(name),
                            .kind = appc::Volume::Kind::host,
                            .source = "/src",
                            .read_only = read_only});
  }
  void add_mount(const char* volume, const char* path) { app_.mounts.push_back({.volume = volume, .path = path}); }
  void add_point(const char* name, const char* path, bool read_only = false) {
    points_.push_back({.name = appc::AcName::parse(name), .path = path, .read_only = read_only});
  }
  std::vector<VolumeMount> plan() {
    return plan_volumes(app_, points_, pod_, [&](std::string_view text) { warnings_.emplace_back(text); });
  }

  appc::RuntimeApp app_{.name = appc::AcName::parse("app"),
                        .image_id = appc::ImageId::from_digest(std::string(128, '0'))};
  std::vector<appc::MountPoint> points_;
  appc::PodManifest pod_;
  std::vector<std::string> warnings_;
};

TEST_F(Volumes, AMountPointTakesTheVolumeOfItsName) {
  add_volume("data");
  add_point("data", "/var//data/");
  const auto plan = this->plan();
  ASSERT_EQ(plan.size(), 1U);
  EXPECT_EQ(plan[0].target, "/var/data");
  EXPECT_FALSE(plan[0].implicit || plan[0].read_only);
}

TEST_F(Volumes, AReadOnlyVolumeBeatsAWritableMountPoint) {
  add_volume("data", true);
  add_point("data", "/data", false);
  EXPECT_TRUE(plan().at(0).read_only);
}

TEST_F(Volumes, AMountPointThatIsReadOnlyHoldsWhenTheVolumeSaysNothing) {
  add_volume("data");
  add_point("data", "/data", true);
  EXPECT_TRUE(plan().at(0).read_only);
}

TEST_F(Volumes, AMountPointWithoutVolumeGetsAnEmptyOneAndItIsSaid) {
  add_point("cache", "/cache");
  const auto plan = this->plan();
  ASSERT_EQ(plan.size(), 1U);
  EXPECT_TRUE(plan[0].implicit);
  EXPECT_EQ(plan[0].volume.name.str(), "app-cache");
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_NE(warnings_[0].find("mount point \"cache\""), std::string::npos);
}

TEST_F(Volumes, AnExplicitMountTakesThePlaceOfTheMountPointThere) {
  add_volume("other");
  add_mount("other", "/cache/");
  add_point("cache", "/cache");
  const auto plan = this->plan();
  ASSERT_EQ(plan.size(), 1U);
  EXPECT_EQ(plan[0].volume.name.str(), "other");
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(Volumes, ParentsComeBeforeWhatLiesBelow) {
  add_volume("v");
  add_mount("v", "/a/b/c");
  add_mount("v", "/a");
  add_mount("v", "/a/b");
  const auto plan = this->plan();
  EXPECT_EQ(plan[0].target, "/a");
  EXPECT_EQ(plan[1].target, "/a/b");
  EXPECT_EQ(plan[2].target, "/a/b/c");
}

TEST_F(Volumes, AMountOfAnUnknownVolumeOrOnTheRootIsRefused) {
  add_mount("nothing", "/x");
  EXPECT_THROW(plan(), Error);
  app_.mounts.clear();
  add_volume("v");
  add_mount("v", "/x/..");
  EXPECT_THROW(plan(), Error);
}

TEST(CleanPath, StaysInsideTheRoot) {
  EXPECT_EQ(clean_path("/a/./b//../c/"), "/a/c");
  EXPECT_EQ(clean_path("/../../etc"), "/etc");
  EXPECT_EQ(clean_path(""), "/");
}

TEST(IsAtOrBelow, LooksAtWholeNames) {
  EXPECT_TRUE(is_at_or_below("/proc", "/proc"));
  EXPECT_TRUE(is_at_or_below("/proc/1", "/proc"));
  EXPECT_FALSE(is_at_or_below("/process", "/proc"));
  EXPECT_TRUE(is_at_or_below("/x", "/"));
}

}  // namespace
}  // namespace rkt::native
