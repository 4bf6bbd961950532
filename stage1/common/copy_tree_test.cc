// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/copy_tree.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::stage1 {
namespace {

class CopyTree : public ::testing::Test {
 protected:
  CopyTree() : from_(tmp_.dir().make_sub("from")), to_(tmp_.dir().make_sub("to")) {}
  struct stat look(const char* name) {
    struct stat st{};
    EXPECT_EQ(::fstatat(to_.get(), name, &st, AT_SYMLINK_NOFOLLOW), 0) << name;
    return st;
  }
  TempDir tmp_;
  DirFd from_, to_;
};

TEST_F(CopyTree, KeepsModesLinksAndContents) {
  from_.make_sub("dir", 0750);
  write_file(from_, "dir/file", "text", 04711);
  ASSERT_EQ(::symlinkat("/etc/passwd", from_.get(), "link"), 0);
  ASSERT_EQ(::mkfifoat(from_.get(), "fifo", 0600), 0);
  copy_tree(from_, to_);
  EXPECT_EQ(read_file(to_, "dir/file"), "text");
  EXPECT_EQ(look("dir/file").st_mode & 07777, 04711U);
  EXPECT_EQ(look("dir").st_mode & 07777, 0750U);
  EXPECT_TRUE(S_ISLNK(look("link").st_mode));
  EXPECT_TRUE(S_ISFIFO(look("fifo").st_mode));
}

TEST_F(CopyTree, KeepsAllNamesOfAFile) {
  from_.make_sub("a").make_sub("b");
  write_file(from_, "a/b/one", "text", 0644);
  ASSERT_EQ(::linkat(from_.get(), "a/b/one", from_.get(), "two", 0), 0);
  copy_tree(from_, to_);
  EXPECT_EQ(look("two").st_ino, look("a/b/one").st_ino);
  EXPECT_EQ(look("two").st_nlink, 2U);
}

TEST_F(CopyTree, KeepsExtendedAttributes) {
  write_file(from_, "file", "text", 0644);
  const std::string source = tmp_.path() + "/from/file";
  if (::setxattr(source.c_str(), "user.note", "x", 1, 0) < 0) GTEST_SKIP() << "no user attributes here";
  copy_tree(from_, to_);
  char value[8];
  ASSERT_EQ(::getxattr((tmp_.path() + "/to/file").c_str(), "user.note", value, sizeof value), 1);
  EXPECT_EQ(value[0], 'x');
}

TEST_F(CopyTree, GoesToAnyDepth) {
  DirFd at = from_.clone();
  for (int i = 0; i < 600; ++i) at = at.make_sub("d");
  write_file(at, "end", "x", 0644);
  copy_tree(from_, to_);
  DirFd copy = to_.clone();
  for (int i = 0; i < 600; ++i) copy = copy.sub("d");
  EXPECT_EQ(read_file(copy, "end"), "x");
}

TEST_F(CopyTree, AHoleStaysAHole) {
  const UniqueFd file = from_.open_file("sparse", O_WRONLY | O_CREAT, 0644);
  constexpr off_t kSize = off_t{1} << 40;
  ASSERT_EQ(::ftruncate(file.get(), kSize), 0);
  ASSERT_EQ(::pwrite(file.get(), "x", 1, kSize / 2), 1);
  copy_tree(from_, to_);
  const auto st = look("sparse");
  EXPECT_EQ(st.st_size, kSize);
  EXPECT_LT(st.st_blocks, 1000);
  char c = 0;
  const UniqueFd copy = to_.open_file("sparse", O_RDONLY);
  EXPECT_EQ(::pread(copy.get(), &c, 1, kSize / 2), 1);
  EXPECT_EQ(c, 'x');
}

}  // namespace
}  // namespace rkt::stage1
