// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/backing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "sys/file.h"
#include "sys/lock.h"
#include "sys/tempdir.h"

namespace rkt::native {
namespace {

class Backing : public ::testing::Test {
 protected:
  Backing() : lock_(DirLock::take(tmp_.dir().open_file(".", O_RDONLY), LockMode::exclusive)) {
    pod_.dir = tmp_.dir().clone();
    pod_.stage1 = tmp_.dir().make_sub("stage1");
    write_file(pod_.stage1.make_path_in_root("opt/stage2/a/rootfs/data"), "file", "text", 0644);
    app_.name = "a";
    app_.copy_up = true;
    app_.volumes.push_back({.target = "/data", .volume = {.name = appc::AcName::parse("v"), .mode = "0755"}});
  }
  std::vector<std::string> volumes() { return tmp_.dir().sub("sharedVolumes").names(); }

  TempDir tmp_;
  std::optional<DirLock> lock_;
  Pod pod_;
  AppPlan app_;
};

TEST_F(Backing, IsFilledOnceAndReplacesWhatAKilledCopyLeft) {
  write_file(tmp_.dir().make_path_in_root("sharedVolumes/v.new"), "half", "x", 0644);
  make_backing(pod_, app_, true);
  EXPECT_THAT(volumes(), testing::ElementsAre("v"));
  const DirFd volume = tmp_.dir().sub("sharedVolumes/v");
  EXPECT_THAT(volume.names(), testing::ElementsAre("file"));
  volume.unlink("file");
  make_backing(pod_, app_, true);
  EXPECT_THAT(volume.names(), testing::IsEmpty());
  make_backing(pod_, app_);
  EXPECT_THAT(volume.names(), testing::ElementsAre("file"));
}

TEST_F(Backing, ThatCannotBeMadeLeavesNothing) {
  app_.users = IdRange{.shift = 0, .count = 1};
  app_.volumes.front().volume.uid = 5;
  EXPECT_THROW(make_backing(pod_, app_), Error);
  EXPECT_THAT(volumes(), testing::IsEmpty());
}

TEST_F(Backing, IsNotFilledForAPodThatHasEnded) {
  lock_.reset();
  EXPECT_THROW(make_backing(pod_, app_, true), Error);
  EXPECT_THAT(volumes(), testing::IsEmpty());
}

}  // namespace
}  // namespace rkt::native
