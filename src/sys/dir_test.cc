// SPDX-License-Identifier: Apache-2.0
#include "sys/dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt {
namespace {

TEST(DirFd, InRootFollowsAbsoluteLinksAndDotDotOnlyInside) {
  const TempDir tmp;
  const DirFd root = tmp.dir().make_sub("root");
  root.make_sub("etc");
  write_file(root, "etc/passwd", "inside", 0644);
  ASSERT_EQ(::symlinkat("/etc/passwd", root.get(), "abs"), 0);
  ASSERT_EQ(::symlinkat("../../../../etc/passwd", root.get(), "up"), 0);
  EXPECT_EQ(read_all(root.open_in_root("/abs", O_RDONLY).get(), "abs"), "inside");
  EXPECT_EQ(read_all(root.open_in_root("up", O_RDONLY).get(), "up"), "inside");
}

TEST(DirFd, InRootRefusesMagicLinks) {
  const DirFd proc = DirFd::open("/proc");
  EXPECT_THROW(proc.open_in_root("/self/exe", O_RDONLY), Error);
}

TEST(DirFd, MakePathInRootHasItsModeWhateverTheUmask) {
  const TempDir tmp;
  const mode_t mask = ::umask(077);
  const ScopeExit restore([&] { ::umask(mask); });
  tmp.dir().make_path_in_root("a/b", 0755);
  for (const char* made : {"a", "a/b"}) {
    struct stat st{};
    ASSERT_EQ(::fstatat(tmp.dir().get(), made, &st, 0), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0755U) << made;
  }
}

TEST(DirFd, MakePathInRootGoesThroughLinksInside) {
  const TempDir tmp;
  const DirFd root = tmp.dir().make_sub("root");
  ASSERT_EQ(::symlinkat("/real", root.get(), "link"), 0);
  root.make_sub("real");
  root.make_path_in_root("/link/a/b");
  EXPECT_TRUE(root.exists("real/a/b"));
}

TEST(DirFd, FindBelowFollowsNoLinkAtAnyLevel) {
  const TempDir tmp;
  const DirFd root = tmp.dir().make_sub("root");
  root.make_path_in_root("a/b/c");
  ASSERT_EQ(::symlinkat("a", root.get(), "link"), 0);
  ASSERT_EQ(::symlinkat("b", root.get(), "a/last"), 0);
  EXPECT_TRUE(root.find_below("a/b/c"));
  EXPECT_FALSE(root.find_below("a/none/c"));
  for (const char* path : {"link/b", "a/last", "../root/a"}) EXPECT_THROW((void)root.find_below(path), Error) << path;
}

TEST(DirFd, RemoveTreeLeavesLinkTargetsAlone) {
  const TempDir tmp;
  tmp.dir().make_sub("keep");
  write_file(tmp.dir(), "keep/file", "x", 0644);
  const DirFd doomed = tmp.dir().make_sub("doomed");
  doomed.make_sub("a");
  ASSERT_EQ(::symlinkat("../../keep", doomed.get(), "a/link"), 0);
  tmp.dir().remove_tree("doomed");
  EXPECT_FALSE(tmp.dir().exists("doomed"));
  EXPECT_TRUE(tmp.dir().exists("keep/file"));
  tmp.dir().remove_tree("doomed");  // missing is fine
}

TEST(DirFd, WhatCannotBeLookedForIsNotMissing) {
  const TempDir tmp;
  write_file(tmp.dir(), "file", "x", 0644);
  ASSERT_EQ(::symlinkat("loop", tmp.dir().get(), "loop"), 0);
  EXPECT_TRUE(tmp.dir().exists("loop"));
  for (const std::string& missing : {std::string("nothing"), std::string("file/below"), std::string(300, 'n')})
    EXPECT_FALSE(tmp.dir().exists(missing));
  EXPECT_THROW(static_cast<void>(tmp.dir().exists("loop/below")), Error);
}

TEST(DirFd, NamesAreSorted) {
  const TempDir tmp;
  for (const auto* n : {"b", "a", ".c"}) tmp.dir().make_sub(n);
  EXPECT_THAT(tmp.dir().names(), testing::ElementsAre(".c", "a", "b"));
}

TEST(DirFd, ADirectoryThatWasRemovedHasNoNames) {
  const TempDir tmp;
  const DirFd gone = tmp.dir().make_sub("gone");
  tmp.dir().remove_tree("gone");
  EXPECT_THAT(gone.names(), testing::IsEmpty());
}

TEST(DirFd, MakeDirsMakesMissingParents) {
  const TempDir tmp;
  make_dirs(cat(tmp.path(), "/x/y/z"));
  EXPECT_TRUE(tmp.dir().exists("x/y/z"));
}

}  // namespace
}  // namespace rkt
