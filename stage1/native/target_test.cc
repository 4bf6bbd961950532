// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/target.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/file.h"
#include "sys/mount_place.h"
#include "sys/tempdir.h"

namespace rkt::native {
namespace {

class MountTarget : public ::testing::Test {
 protected:
  MountTarget() : root_(tmp_.dir().make_sub("root")) {}
  void link(const char* to, const char* name) { ASSERT_EQ(::symlinkat(to, root_.get(), name), 0); }

  TempDir tmp_;
  DirFd root_;
};

TEST_F(MountTarget, WhatIsMissingIsMadeWithItsParents) {
  make_target(root_, "/one/two/file", TargetKind::file);
  make_target(root_, "/one/three", TargetKind::directory);
  EXPECT_TRUE(root_.exists("one/two/file"));
  EXPECT_TRUE(root_.find_sub("one/three"));
}

TEST_F(MountTarget, WhatIsMadeIsToldFromWhatIsThere) {
  write_file(root_, "own", "", 0644);
  make_target(root_, "/own", TargetKind::file);
  make_target(root_, "/made", TargetKind::file);
  make_target(root_, "/a/b", TargetKind::directory);
  if (!is_place(root_.open_file("made", O_RDONLY).get())) GTEST_SKIP() << "no user attributes here";
  EXPECT_FALSE(is_place(root_.open_file("own", O_RDONLY).get()));
  EXPECT_TRUE(is_place(root_.sub("a/b").get()));
}

TEST_F(MountTarget, WhatADanglingLinkNamesIsMadeInside) {
  link("/made/by/link", "data");
  make_target(root_, "/data", TargetKind::directory);
  EXPECT_TRUE(root_.find_sub("made/by/link"));
  EXPECT_FALSE(tmp_.dir().exists("made"));
}

TEST_F(MountTarget, ALinkToTheRootOrToTheKernelsFilesIsRefused) {
  for (const char* name : {"proc", "dev", "sys"}) root_.make_sub(name);
  link("/", "root");
  link("/proc", "p");
  link("proc/sys", "ps");
  link("/dev", "d");
  for (const char* path : {"/root", "/p", "/p/self", "/ps", "/d"})
    EXPECT_THROW(make_target(root_, path, TargetKind::directory), Error) << path;
  EXPECT_NO_THROW(make_target(root_, "/dev", TargetKind::directory));
  EXPECT_NO_THROW(make_target(root_, "/d/shm", TargetKind::directory));
}

TEST_F(MountTarget, DotsAfterALinkAreThoseOfWhereItLeads) {
  make_target(root_, "/far/away/dir", TargetKind::directory);
  link("/far/away", "near");
  make_target(root_, "/near/../x", TargetKind::directory);
  EXPECT_TRUE(root_.exists("far/x"));
  EXPECT_FALSE(root_.exists("x"));
}

TEST_F(MountTarget, TheOtherKindIsRefused) {
  write_file(root_, "file", "", 0644);
  EXPECT_THROW(make_target(root_, "/file", TargetKind::directory), Error);
  EXPECT_THROW(make_target(root_, "/", TargetKind::file), Error);
}

TEST_F(MountTarget, ATopDirectoryIsNeverALink) {
  link("/etc", "dev");
  EXPECT_THROW(make_top_directory(root_, "dev", 0755), Error);
  EXPECT_TRUE(make_top_directory(root_, "proc", 0755));
}

}  // namespace
}  // namespace rkt::native
