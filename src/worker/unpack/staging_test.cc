// SPDX-License-Identifier: Apache-2.0
// The parts that need no privilege: links on the way, implied directories, removal, bookkeeping. Nothing is chowned
// here. All of it for both forms of a tree.
#include "worker/unpack/staging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/tempdir.h"
#include "worker/unpack/archive_for_test.h"
#include "worker/unpack/tree_for_test.h"

namespace rkt::unpack {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

class StagingTest : public testing::TestWithParam<Form> {
 protected:
  Staging staging(Staging::Kind kind) {
    return Staging(*tree, kind, kind == Staging::Kind::layer ? Below(lower.dir().clone()) : Below());
  }
  void link(const std::string& name, const std::string& target) {
    (*tree).root()->special(name, {.type = Entry::Type::symlink, .target = target, .attributes = {.xattrs = {}}});
  }
  void file(const std::string& dir, const std::string& name, std::string_view text) {
    const auto made = (*tree).find_directory(dir)->create(name, {.xattrs = {}});
    made->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, 0);
    made->finish(text.size());
  }
  test::TreeForTest tree{GetParam()};
  TempDir lower;
};
INSTANTIATE_TEST_SUITE_P(Forms, StagingTest, testing::Values(Form::directory, Form::erofs), test::form_name);

TEST_P(StagingTest, PlainTreesRefuseParentsThatAreLinks) {
  link("out", "/tmp");
  auto s = staging(Staging::Kind::plain);
  EXPECT_EQ(error_of([&] { s.place("out/file"); }),
            "archive has entries below \"out\", but \"out\" is a symbolic link");
}

TEST_P(StagingTest, ParentsThatAreFilesAreRefused) {
  file("", "f", "x");
  auto s = staging(Staging::Kind::plain);
  EXPECT_THAT(error_of([&] { s.place("f/x"); }), HasSubstr("is not a directory"));
}

TEST_P(StagingTest, LayersResolveLinksInsideTheTree) {
  auto s = staging(Staging::Kind::layer);
  s.directory("usr", {.mode = 0755});
  s.directory("usr/lib", {.mode = 0755});
  link("lib", "/../../usr/lib");
  EXPECT_EQ(s.place("lib/x").path, "usr/lib/x");
  link("up", "../../..");
  EXPECT_EQ(s.place("up/etc/y").path, "etc/y");
}

TEST_P(StagingTest, LayersResolveLinksOfTheLayersBelow) {
  lower.dir().make_sub("usr");
  lower.dir().make_sub("usr/lib", 0711);
  ASSERT_EQ(::symlinkat("usr/lib", lower.dir().get(), "lib"), 0);
  auto s = staging(Staging::Kind::layer);
  EXPECT_EQ(s.place("lib/x").path, "usr/lib/x");
  s.finish();
  EXPECT_FALSE(tree.exists("lib")) << "the link itself stays below";
}

TEST_P(StagingTest, LoopsOfLinksAreRefused) {
  link("a", "b");
  link("b", "a");
  auto s = staging(Staging::Kind::layer);
  EXPECT_THAT(error_of([&] { s.place("a/x"); }), HasSubstr("too many symbolic links"));
}

TEST_P(StagingTest, ImpliedDirectoriesTakeTheLowerAttributes) {
  const DirFd sub = lower.dir().make_sub("var", 0700);
  ::fchmod(sub.get(), 01777);
  const timespec times[2] = {{1000, 0}, {1234, 567}};
  ::futimens(sub.get(), times);
  auto s = staging(Staging::Kind::layer);
  s.place("var/new/x");
  s.finish();
  EXPECT_EQ(tree.look("var").mode & 07777, 01777U);
  EXPECT_EQ(tree.look("var").mtime.tv_sec, 1234);
  EXPECT_EQ(tree.look("var").mtime.tv_nsec, 567);
  EXPECT_EQ(tree.look("var/new").mode & 07777, 0755U);
}

TEST_P(StagingTest, WhatThisLayerHidesDoesNotShineThrough) {
  lower.dir().make_sub("a", 0700);
  lower.dir().make_sub("a/b", 0700);
  auto s = staging(Staging::Kind::layer);
  s.opaque("a");
  s.place("a/b/x");
  EXPECT_FALSE(s.find_below("a/b"));
  s.finish();
  EXPECT_EQ(tree.look("a").mode & 0777, 0700U) << "the opaque directory itself keeps its attributes";
  EXPECT_EQ(tree.look("a/b").mode & 0777, 0755U);
  EXPECT_THAT(tree.opaque(), ElementsAre("a"));
}

TEST_P(StagingTest, AnOpaqueRootHidesEveryNameBelow) {
  lower.dir().make_sub("a");
  lower.dir().make_sub("b");
  auto s = staging(Staging::Kind::layer);
  s.directory("b", {});
  s.opaque("");
  s.finish();
  EXPECT_TRUE(S_ISCHR(tree.look("a").mode));
  EXPECT_THAT(tree.opaque(), ElementsAre("b"));
}

TEST_P(StagingTest, AWhiteoutLeavesTheSiblingsOfItsOwnLayer) {
  for (const char* name : {"d", "e"}) lower.dir().make_sub(name);
  auto s = staging(Staging::Kind::layer);
  s.directory("d", {.mode = 0755});
  s.whiteout("d");
  s.whiteout("e");
  s.finish();
  EXPECT_TRUE(S_ISDIR(tree.look("d").mode));
  EXPECT_TRUE(S_ISCHR(tree.look("e").mode));
  EXPECT_THAT(tree.opaque(), ElementsAre("d"));
}

TEST_P(StagingTest, WhatComesBelowAWhiteoutMakesAnOpaqueDirectory) {
  lower.dir().make_sub("d", 0700);
  auto s = staging(Staging::Kind::layer);
  s.whiteout("d");
  s.directory("d/e", {});
  s.finish();
  EXPECT_TRUE(S_ISDIR(tree.look("d/e").mode));
  EXPECT_EQ(tree.look("d").mode & 0777, 0755U) << "it is a new one";
  EXPECT_THAT(tree.opaque(), ElementsAre("d"));
}

// overlayfs would show such a whiteout: as a name that nothing can be done with.
TEST_P(StagingTest, AWhiteoutWithNothingBelowMakesNothing) {
  lower.dir().make_sub("there");
  lower.dir().make_sub("gone").make_sub("sub");
  lower.dir().make_sub("cleared").make_sub("x");
  write_file(lower.dir(), "f", "stays", 0644);
  auto s = staging(Staging::Kind::layer);
  s.directory("new", {.mode = 0755});
  for (const char* name : {"new/x", "nowhere/x", "there/x", "f/x", "f/x/y", "gone", "gone/sub", "cleared/x", "x"})
    s.whiteout(name);
  s.opaque("cleared");
  s.opaque("nowhere");
  s.opaque("f");
  s.finish();
  EXPECT_THAT(tree.names(), ElementsAre("cleared", "gone", "new"));
  EXPECT_TRUE(S_ISCHR(tree.look("gone").mode));
  EXPECT_FALSE(tree.exists("new/x"));
  EXPECT_FALSE(tree.exists("cleared/x"));
  EXPECT_THAT(tree.opaque(), ElementsAre("cleared"));
}

TEST_P(StagingTest, AWhiteoutInADirectoryThatOnlyTheLayersBelowHaveFindsItsPlace) {
  const DirFd sub = lower.dir().make_sub("real").make_sub("sub");
  write_file(sub, "x", "", 0644);
  ::fchmod(sub.get(), 0711);
  ASSERT_EQ(::symlinkat("real/../real", lower.dir().get(), "link"), 0);
  auto s = staging(Staging::Kind::layer);
  s.whiteout("link/sub/x");
  s.finish();
  EXPECT_TRUE(S_ISCHR(tree.look("real/sub/x").mode));
  EXPECT_EQ(tree.look("real/sub").mode & 0777, 0711U);
}

TEST_P(StagingTest, AWhiteoutBelowWhatBecomesAFileIsDropped) {
  write_file(lower.dir().make_sub("d"), "x", "", 0644);
  auto s = staging(Staging::Kind::layer);
  s.whiteout("d/x");
  file("", "d", "text");
  s.finish();
  EXPECT_EQ(tree.text("d"), "text");
}

TEST_P(StagingTest, WhatAWhiteoutHidesIsNoTargetOfALink) {
  write_file(lower.dir().make_sub("d"), "x", "", 0644);
  auto s = staging(Staging::Kind::layer);
  EXPECT_TRUE(s.find_below("d/x"));
  s.whiteout("d");
  EXPECT_FALSE(s.find_below("d"));
  EXPECT_FALSE(s.find_below("d/x"));
}

TEST_P(StagingTest, ADirectoryInPlaceOfAFileIsOpaque) {
  for (const char* name : {"x", "y"}) lower.dir().make_sub(name);
  auto s = staging(Staging::Kind::layer);
  file("", "x", "");
  s.directory("x", {.mode = 0750});
  s.finish();
  EXPECT_EQ(tree.look("x").mode & 0777, 0750U);
  EXPECT_THAT(tree.opaque(), ElementsAre("x"));
}

TEST_P(StagingTest, ADirectoryOverADirectoryKeepsTheContent) {
  auto s = staging(Staging::Kind::layer);
  s.directory("d", {.mode = 0755});
  file("d", "f", "kept");
  s.directory("d", {.mode = 0700});
  s.finish();
  EXPECT_EQ(tree.text("d/f"), "kept");
  EXPECT_EQ(tree.look("d").mode & 0777, 0700U);
}

TEST_P(StagingTest, RemovingADirectoryForgetsItsTimesAndMarks) {
  auto s = staging(Staging::Kind::layer);
  s.directory("d", {.mode = 0755});
  s.directory("d/e", {.mode = 0755});
  s.directory("d.x", {.mode = 0755, .mtime = {77, 0}});
  s.opaque("d/e");
  s.clear(s.place("d"));
  s.finish();  // would fail on "d"
  EXPECT_TRUE(tree.opaque().empty());
  EXPECT_FALSE(tree.exists("d"));
  EXPECT_EQ(tree.look("d.x").mtime.tv_sec, 77);
}

TEST_P(StagingTest, TheTreeItselfCannotBeAFile) {
  auto s = staging(Staging::Kind::plain);
  EXPECT_THAT(error_of([&] { s.place(""); }), HasSubstr("not a directory"));
}

}  // namespace
}  // namespace rkt::unpack
