// SPDX-License-Identifier: Apache-2.0
// The parts that need no privilege: links on the way, implied directories, removal, bookkeeping. Nothing is chowned
// here.
#include "worker/unpack/staging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/tempdir.h"
#include "worker/unpack/archive_for_test.h"

namespace rkt::unpack {
namespace {

using test::error_of;
using testing::HasSubstr;

class StagingTest : public testing::Test {
 protected:
  Staging staging(Staging::Kind kind) {
    return Staging(root.dir().clone(), kind, kind == Staging::Kind::layer ? Below(lower.dir().clone()) : Below(),
                   false);
  }
  static void link(const TempDir& where, const std::string& name, const std::string& target) {
    ASSERT_EQ(::symlinkat(target.c_str(), where.dir().get(), name.c_str()), 0);
  }
  struct stat look(const TempDir& where, const std::string& path) {
    struct stat st{};
    EXPECT_EQ(::fstatat(where.dir().get(), path.c_str(), &st, AT_SYMLINK_NOFOLLOW), 0) << path;
    return st;
  }
  TempDir root, lower;
};

TEST_F(StagingTest, PlainTreesRefuseParentsThatAreLinks) {
  link(root, "out", "/tmp");
  auto s = staging(Staging::Kind::plain);
  EXPECT_EQ(error_of([&] { s.place("out/file"); }),
            "archive has entries below \"out\", but \"out\" is a symbolic link");
}

TEST_F(StagingTest, ParentsThatAreFilesAreRefused) {
  write_file(root.dir(), "f", "", 0644);
  auto s = staging(Staging::Kind::plain);
  EXPECT_THAT(error_of([&] { s.place("f/x"); }), HasSubstr("is not a directory"));
}

TEST_F(StagingTest, LayersResolveLinksInsideTheTree) {
  auto s = staging(Staging::Kind::layer);
  s.directory("usr", {.mode = 0755});
  s.directory("usr/lib", {.mode = 0755});
  link(root, "lib", "/../../usr/lib");
  EXPECT_EQ(s.place("lib/x").path, "usr/lib/x");
  link(root, "up", "../../..");
  EXPECT_EQ(s.place("up/etc/y").path, "etc/y");
}

TEST_F(StagingTest, LayersResolveLinksOfTheLayersBelow) {
  lower.dir().make_sub("usr");
  lower.dir().make_sub("usr/lib", 0711);
  link(lower, "lib", "usr/lib");
  auto s = staging(Staging::Kind::layer);
  EXPECT_EQ(s.place("lib/x").path, "usr/lib/x");
  EXPECT_FALSE(root.dir().exists("lib")) << "the link itself stays below";
}

TEST_F(StagingTest, LoopsOfLinksAreRefused) {
  link(root, "a", "b");
  link(root, "b", "a");
  auto s = staging(Staging::Kind::layer);
  EXPECT_THAT(error_of([&] { s.place("a/x"); }), HasSubstr("too many symbolic links"));
}

TEST_F(StagingTest, ImpliedDirectoriesTakeTheLowerAttributes) {
  const DirFd sub = lower.dir().make_sub("var", 0700);
  ::fchmod(sub.get(), 01777);
  const timespec times[2] = {{1000, 0}, {1234, 567}};
  ::futimens(sub.get(), times);
  auto s = staging(Staging::Kind::layer);
  s.place("var/new/x");
  s.finish();
  EXPECT_EQ(look(root, "var").st_mode & 07777, 01777U);
  EXPECT_EQ(look(root, "var").st_mtim.tv_sec, 1234);
  EXPECT_EQ(look(root, "var").st_mtim.tv_nsec, 567);
  EXPECT_EQ(look(root, "var/new").st_mode & 07777, 0755U);
}

TEST_F(StagingTest, WhatThisLayerHidesDoesNotShineThrough) {
  lower.dir().make_sub("a", 0700);
  lower.dir().make_sub("a/b", 0700);
  auto s = staging(Staging::Kind::layer);
  s.opaque("a");
  s.place("a/b/x");
  EXPECT_EQ(look(root, "a").st_mode & 0777, 0700U) << "the opaque directory itself keeps its attributes";
  EXPECT_EQ(look(root, "a/b").st_mode & 0777, 0755U);
  EXPECT_TRUE(s.opaque_paths().contains("a"));
  EXPECT_FALSE(s.find_below("a/b"));
}

TEST_F(StagingTest, AWhiteoutLeavesTheSiblingsOfItsOwnLayer) {
  auto s = staging(Staging::Kind::layer);
  s.directory("d", {.mode = 0755});
  s.whiteout("d");
  EXPECT_TRUE(S_ISDIR(look(root, "d").st_mode));
  EXPECT_TRUE(s.opaque_paths().contains("d"));
}

TEST_F(StagingTest, ADirectoryInPlaceOfAFileIsOpaque) {
  auto s = staging(Staging::Kind::layer);
  write_file(root.dir(), "x", "", 0644);
  s.directory("x", {.mode = 0750});
  EXPECT_EQ(look(root, "x").st_mode & 0777, 0750U);
  EXPECT_TRUE(s.opaque_paths().contains("x"));
}

TEST_F(StagingTest, ADirectoryOverADirectoryKeepsTheContent) {
  auto s = staging(Staging::Kind::layer);
  s.directory("d", {.mode = 0755});
  write_file(root.dir(), "d/f", "kept", 0644);
  s.directory("d", {.mode = 0700});
  EXPECT_EQ(read_file(root.dir(), "d/f"), "kept");
  EXPECT_EQ(look(root, "d").st_mode & 0777, 0700U);
}

TEST_F(StagingTest, RemovingADirectoryForgetsItsTimesAndMarks) {
  auto s = staging(Staging::Kind::layer);
  s.directory("d", {.mode = 0755});
  s.directory("d/e", {.mode = 0755});
  s.directory("d.x", {.mode = 0755, .mtime = {77, 0}});
  s.opaque("d/e");
  s.clear(s.place("d"));
  EXPECT_TRUE(s.opaque_paths().empty());
  s.finish();  // would fail on "d"
  EXPECT_EQ(look(root, "d.x").st_mtim.tv_sec, 77);
}

TEST_F(StagingTest, TheTreeItselfCannotBeAFile) {
  auto s = staging(Staging::Kind::plain);
  EXPECT_THAT(error_of([&] { s.place(""); }), HasSubstr("not a directory"));
}

}  // namespace
}  // namespace rkt::unpack
