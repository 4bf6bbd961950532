// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/copy_tree.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::native {
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
}  // namespace rkt::native
