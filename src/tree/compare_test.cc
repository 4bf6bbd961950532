// SPDX-License-Identifier: Apache-2.0
#include "tree/compare.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::tree {
namespace {

class CompareTest : public testing::Test {
 protected:
  CompareTest() : a_(tmp_.dir().make_sub("a")), b_(tmp_.dir().make_sub("b")) {
    for (const DirFd* dir : {&a_, &b_}) {
      const DirFd sub = dir->make_sub("sub");
      write_file(sub, "file", "bytes", 0644);
      EXPECT_EQ(::symlinkat("target", sub.get(), "link"), 0);
    }
  }
  std::string difference() { return first_difference(a_, b_, "").value_or("none"); }
  TempDir tmp_;
  DirFd a_, b_;
};

TEST_F(CompareTest, EqualTreesDoNotDiffer) { EXPECT_EQ(difference(), "none"); }

TEST_F(CompareTest, NamesTheFirstDifference) {
  write_file(b_, "sub/file", "bytez", 0644);
  EXPECT_EQ(difference(), "wrong contents of \"/sub/file\"");
  write_file(b_, "sub/file", "more bytes", 0644);
  EXPECT_EQ(difference(), "wrong size of \"/sub/file\"");
  write_file(b_, "sub/file", "bytes", 0600);
  EXPECT_EQ(difference(), "wrong mode of \"/sub/file\"");
}

TEST_F(CompareTest, HolesAreZerosAndTakeNoTime) {
  constexpr off_t kTera = off_t{1} << 40;
  for (const DirFd* dir : {&a_, &b_}) {
    const UniqueFd file = dir->open_file("sub/file", O_RDWR);
    ASSERT_EQ(::ftruncate(file.get(), kTera), 0);
    ASSERT_EQ(::pwrite(file.get(), "end", 3, kTera - 3), 3);
  }
  const UniqueFd one = b_.open_file("sub/file", O_RDWR);
  ASSERT_EQ(::pwrite(one.get(), "\0\0", 2, kTera / 2), 2);
  EXPECT_EQ(difference(), "none");
  ASSERT_EQ(::pwrite(one.get(), "x", 1, kTera / 2), 1);
  EXPECT_EQ(difference(), "wrong contents of \"/sub/file\"");
}

TEST_F(CompareTest, SeesMissingAndAdditionalNamesAndLinks) {
  b_.unlink("sub/link");
  EXPECT_EQ(difference(), "wrong names in \"/sub\"");
  EXPECT_EQ(::symlinkat("elsewhere", b_.get(), "sub/link"), 0);
  EXPECT_EQ(difference(), "wrong link target of \"/sub/link\"");
  b_.unlink("sub/link");
  write_file(b_, "sub/link", "target", 0644);
  EXPECT_EQ(difference(), "wrong type of \"/sub/link\"");
}

}  // namespace
}  // namespace rkt::tree
