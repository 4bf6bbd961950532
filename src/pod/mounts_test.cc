// SPDX-License-Identifier: Apache-2.0
#include "pod/mounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sys/tempdir.h"

namespace rkt::pod {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kMountinfo =
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "90 22 0:50 / /var/lib/rkt/pods/run/A/stage1/rootfs/opt/stage2/app/rootfs rw - overlay overlay rw\n"
    "80 22 0:40 / /var/lib/rkt/pods/run/A/stage1/rootfs rw - overlay overlay rw\n"
    "81 80 0:41 / /var/lib/rkt/pods/run/AB rw - tmpfs tmpfs rw\n"
    "82 22 0:42 / /var/lib/rkt/pods/run/A/with\\040blank\\134 rw - tmpfs tmpfs rw\n"
    "83 22 0:43 / /var/lib/rkt/pods/run/A rw - tmpfs tmpfs rw\n"
    "84 22 0:44 / /var/lib/rkt/pods/run/A/stage1/rootfs rw - tmpfs tmpfs rw\n"
    "short line\n";

TEST(PlanDetach, ParentsComeBeforeChildrenAndStacksAreCounted) {
  EXPECT_THAT(plan_detach(kMountinfo, "/var/lib/rkt/pods/run/A"),
              ElementsAre("/var/lib/rkt/pods/run/A", "/var/lib/rkt/pods/run/A/stage1/rootfs",
                          "/var/lib/rkt/pods/run/A/stage1/rootfs",
                          "/var/lib/rkt/pods/run/A/stage1/rootfs/opt/stage2/app/rootfs",
                          "/var/lib/rkt/pods/run/A/with blank\\"));
}

TEST(PlanDetach, ANameThatOnlyBeginsAlikeIsAnotherPod) {
  EXPECT_THAT(plan_detach(kMountinfo, "/var/lib/rkt/pods/run/AB"), ElementsAre("/var/lib/rkt/pods/run/AB"));
  EXPECT_THAT(plan_detach(kMountinfo, "/var/lib/rkt/pods/run/C"), IsEmpty());
}

TEST(DetachMounts, NothingIsDoneWhereNothingIsMounted) {
  const TempDir tmp;
  EXPECT_NO_THROW(detach_mounts_below(tmp.path()));
}

}  // namespace
}  // namespace rkt::pod
