// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"
#include "tree/compare.h"
#include "tree/tree.h"

namespace rkt::tree {
namespace {

class CopyTest : public testing::Test {
 protected:
  CopyTest() : from_(tmp_.dir().make_sub("from")), into_(tmp_.dir().make_sub("into")) {}
  struct stat of(const DirFd& dir, const char* name) {
    struct stat st{};
    EXPECT_EQ(::fstatat(dir.get(), name, &st, AT_SYMLINK_NOFOLLOW), 0) << name;
    return st;
  }
  TempDir tmp_;
  DirFd from_, into_;
};

TEST_F(CopyTest, KeepsContentsModesTimesAndLinks) {
  write_file(from_, "plain", "bytes", 0640);
  write_file(from_, "setuid", "bytes", 04755);
  from_.make_sub("dir", 0750);
  ASSERT_EQ(::symlinkat("/etc/shadow", from_.get(), "link"), 0);
  ASSERT_EQ(::linkat(from_.get(), "plain", from_.get(), "dir/second", 0), 0);
  ASSERT_EQ(::mkfifoat(from_.get(), "fifo", 0600), 0);
  const timespec old[2] = {{1000, 5}, {2000, 7}};
  ASSERT_EQ(::utimensat(from_.get(), "plain", old, 0), 0);
  ASSERT_EQ(::utimensat(from_.get(), "dir", old, 0), 0);
  copy_directory(from_, into_);
  EXPECT_FALSE(first_difference(from_, into_, ""));
  EXPECT_EQ(of(into_, "plain").st_ino, of(into_, "dir/second").st_ino);
  EXPECT_EQ(of(into_, "plain").st_mtim.tv_nsec, 7);
  EXPECT_EQ(of(into_, "dir").st_mtim.tv_sec, 2000);
  EXPECT_EQ(of(into_, "setuid").st_mode & 07777, 04755U);
}

TEST_F(CopyTest, KeepsHoles) {
  write_file(from_, "sparse", "start", 0644);
  ASSERT_EQ(::truncate((tmp_.path() + "/from/sparse").c_str(), 64 << 20), 0);
  copy_directory(from_, into_);
  EXPECT_EQ(of(into_, "sparse").st_size, 64 << 20);
  EXPECT_LT(of(into_, "sparse").st_blocks, 1024);
}

TEST_F(CopyTest, KeepsExtendedAttributes) {
  write_file(from_, "file", "x", 0644);
  if (::setxattr((tmp_.path() + "/from/file").c_str(), "user.note", "v", 1, 0) < 0)
    GTEST_SKIP() << "no user attributes here";
  copy_directory(from_, into_);
  char value[4] = {};
  EXPECT_EQ(::getxattr((tmp_.path() + "/into/file").c_str(), "user.note", value, sizeof value), 1);
  EXPECT_EQ(value[0], 'v');
}

TEST_F(CopyTest, TakesFewDescriptorsHoweverDeepTheTreeIs) {
  DirFd at = from_.clone();
  for (int i = 0; i < 1500; ++i) {
    write_file(at, "z", "bytes", 0640);
    at = at.make_sub("d", 0751);
  }
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few{160, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  EXPECT_NO_THROW(copy_directory(from_, into_));
  ::setrlimit(RLIMIT_NOFILE, &before);
  DirFd copy = into_.clone();
  for (int i = 0; i < 1500; ++i) {
    ASSERT_EQ(of(copy, "z").st_size, 5) << i;
    ASSERT_EQ(of(copy, "d").st_mode & 07777, 0751U) << i;
    copy = copy.sub("d");
  }
}

}  // namespace
}  // namespace rkt::tree
