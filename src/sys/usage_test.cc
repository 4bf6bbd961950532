// SPDX-License-Identifier: Apache-2.0
#include "sys/usage.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt {
namespace {

TEST(DiskUsage, CountsBlocksAndEachFileOnce) {
  const TempDir tmp;
  const std::uint64_t empty = disk_usage(tmp.dir());
  const DirFd sub = tmp.dir().make_sub("sub");
  const std::uint64_t with_directory = disk_usage(tmp.dir());
  write_file(sub, "file", std::string(1 << 20, 'x'), 0600);
  ASSERT_EQ(::linkat(sub.get(), "file", tmp.dir().get(), "second", 0), 0);
  ASSERT_EQ(::symlinkat("sub", tmp.dir().get(), "link"), 0);
  EXPECT_GE(with_directory, empty);
  EXPECT_GE(disk_usage(tmp.dir()), with_directory + (1 << 20));
  EXPECT_LT(disk_usage(tmp.dir()), with_directory + (1 << 20) + (1 << 16));
}

TEST(DiskUsage, HolesTakeNothing) {
  const TempDir tmp;
  const UniqueFd file = tmp.dir().open_file("sparse", O_CREAT | O_RDWR, 0600);
  ASSERT_EQ(::ftruncate(file.get(), 1 << 30), 0);
  EXPECT_LT(disk_usage(tmp.dir()), 1 << 20);
}

}  // namespace
}  // namespace rkt
