// SPDX-License-Identifier: Apache-2.0
// Layers whose lower layers come late: what is guessed until then, and that the tree is the same as with them at hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/tempdir.h"
#include "worker/unpack/archive_for_test.h"
#include "worker/unpack/staging.h"
#include "worker/unpack/tree_for_test.h"
#include "worker/unpack/writer.h"

namespace rkt::unpack {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LateBelow : public testing::TestWithParam<Form> {
 protected:
  LateBelow() {
    const DirFd etc = lower.dir().make_sub("etc", 0750), deep = etc.make_sub("deep", 0711);
    const timespec times[2] = {{1000, 0}, {1234, 0}};
    ::fchmod(deep.get(), 02711);
    write_file(etc, "old", "from below", 0640);
    for (const DirFd* dir : {&deep, &etc, &lower.dir()}) ::futimens(dir->get(), times);
  }
  Below below(bool late) {
    return {[this] {
              ++asked;
              return lower.dir().clone();
            },
            late};
  }
  static void touch(Staging& s, const std::string& path) {
    const auto at = s.place(path);
    at.dir->create(at.name, {.xattrs = {}})->finish(0);
  }
  test::TreeForTest::Node root() const { return tree.root(); }
  test::TreeForTest tree{GetParam()};
  TempDir lower;
  int asked = 0;
};
INSTANTIATE_TEST_SUITE_P(Forms, LateBelow, testing::Values(Form::directory, Form::erofs), test::form_name);

TEST_P(LateBelow, NobodyIsAskedBeforeTheEnd) {
  Staging s(*tree, Staging::Kind::layer, below(true));
  touch(s, "etc/deep/new");
  touch(s, "etc/other/new");
  EXPECT_EQ(asked, 0);
  s.finish();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(tree.look("etc").mode & 07777, 0750U);
  EXPECT_EQ(tree.look("etc").mtime.tv_sec, 1234);
  EXPECT_EQ(tree.look("etc/deep").mode & 07777, 02711U);
  EXPECT_EQ(tree.look("etc/other").mode & 07777, 0755U);
  EXPECT_EQ(root().mtime.tv_sec, 1234);
}

TEST_P(LateBelow, WhoIsNotLateIsAskedAtOnce) {
  const Staging s(*tree, Staging::Kind::layer, below(false));
  EXPECT_EQ(asked, 1);
}

TEST_P(LateBelow, WhatTheLayerSaysItselfStays) {
  Staging s(*tree, Staging::Kind::layer, below(true));
  touch(s, "etc/deep/new");
  s.directory("etc", {.mode = 0700, .mtime = {5, 0}});
  s.directory("", {.mode = 0705});
  s.clear(s.place("etc/deep"));
  touch(s, "etc/deep");
  s.finish();
  EXPECT_EQ(tree.look("etc").mode & 07777, 0700U);
  EXPECT_EQ(tree.look("etc").mtime.tv_sec, 5);
  EXPECT_EQ(root().mode & 07777, 0705U);
  EXPECT_TRUE(S_ISREG(tree.look("etc/deep").mode));
}

TEST_P(LateBelow, ALinkOnTheWayWasAWrongGuess) {
  ASSERT_EQ(::symlinkat("etc", lower.dir().get(), "link"), 0);
  Staging s(*tree, Staging::Kind::layer, below(true));
  touch(s, "link/x");
  try {
    s.finish();
    FAIL() << "the link was not followed";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::busy);
    EXPECT_THAT(e.brief(), HasSubstr("\"link\" is a link"));
  }
}

TEST_P(LateBelow, WhatTheLayerHidesIsNoGuess) {
  ASSERT_EQ(::symlinkat("etc", lower.dir().get(), "link"), 0);
  Staging s(*tree, Staging::Kind::layer, below(true));
  lower.dir().make_sub("was");
  s.whiteout("link");
  touch(s, "link/x");
  s.whiteout("was");
  touch(s, "was/x");
  s.opaque("etc");
  touch(s, "etc/deep/x");
  s.finish();
  EXPECT_EQ(tree.look("etc/deep").mode & 07777, 0755U);
  EXPECT_THAT(tree.opaque(), ElementsAre("etc", "was"));
}

TEST_P(LateBelow, WhiteoutsAreWrittenWhenItIsKnownWhatTheyHide) {
  Staging s(*tree, Staging::Kind::layer, below(true));
  s.whiteout("etc/old");
  s.whiteout("etc/new");
  s.whiteout("nowhere/x");
  s.opaque("nowhere/y");
  EXPECT_EQ(asked, 0);
  s.finish();
  EXPECT_EQ(tree.names(), (std::vector<std::string>{"etc"}));
  EXPECT_TRUE(S_ISCHR(tree.look("etc/old").mode));
  EXPECT_FALSE(tree.exists("etc/new"));
  EXPECT_EQ(tree.look("etc").mode & 07777, 0750U);
}

TEST_P(LateBelow, AWhiteoutBehindALinkIsAWrongGuess) {
  ASSERT_EQ(::symlinkat("etc", lower.dir().get(), "link"), 0);
  Staging s(*tree, Staging::Kind::layer, below(true));
  s.whiteout("link/old");
  EXPECT_THAT(test::error_of([&] { s.finish(); }), HasSubstr("\"link\" is a link"));
}

TEST_P(LateBelow, AFileBelowIsWaitedFor) {
  Staging s(*tree, Staging::Kind::layer, below(true));
  Meter meter({});
  Writer writer(s, meter);
  touch(s, "etc/deep/first");
  writer.link("etc/deep/name", "etc/old");
  EXPECT_EQ(asked, 1);
  touch(s, "etc/deep/last");
  s.finish();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(tree.text("etc/deep/name"), "from below");
  EXPECT_EQ(tree.look("etc/old").inode, tree.look("etc/deep/name").inode);
  EXPECT_EQ(tree.look("etc/deep").mode & 07777, 02711U);
  EXPECT_EQ(tree.look("etc/deep").mtime.tv_sec, 1234);
}

TEST_P(LateBelow, GuessesAreBounded) {
  Staging s(*tree, Staging::Kind::layer, below(true));
  std::string deep;
  for (int i = 0; i < 15; ++i) deep += "/" + std::string(240, 'x');
  for (int i = 0; i < 100 && asked == 0; ++i) touch(s, std::to_string(i) + deep + "/f");
  EXPECT_EQ(asked, 1);
}

TEST_P(LateBelow, AGuessIsCountedOnce) {
  Staging s(*tree, Staging::Kind::layer, below(true));
  std::string deep = "d";
  for (int i = 0; i < 15; ++i) deep += "/" + std::string(240, 'x');
  for (int i = 0; i < 100; ++i) s.whiteout(deep + "/" + std::to_string(i));
  EXPECT_EQ(asked, 0);
}

}  // namespace
}  // namespace rkt::unpack
