// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/record.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::native {
namespace {

ino_t inode_of(const DirFd& dir, const char* name) {
  struct stat st{};
  EXPECT_EQ(::fstatat(dir.get(), name, &st, 0), 0);
  return st.st_ino;
}

TEST(GrowingFile, GrowsInPlaceAndIsReplacedForAnythingElse) {
  const TempDir tmp;
  write_file(tmp.dir(), "f", "from before", 0644);
  GrowingFile file(tmp.dir(), "f");
  file.set("a\n");
  const ino_t first = inode_of(tmp.dir(), "f");
  file.set("a\nb\n");
  EXPECT_EQ(find_file_text(tmp.dir(), "f"), "a\nb\n");
  EXPECT_EQ(inode_of(tmp.dir(), "f"), first);
  const UniqueFd reader = tmp.dir().open_file("f", O_RDONLY);
  file.set("a\nc\n");
  EXPECT_EQ(find_file_text(tmp.dir(), "f"), "a\nc\n");
  EXPECT_EQ(read_all(reader.get(), "f"), "a\nb\n") << "who reads meanwhile sees one of them whole";
}

}  // namespace
}  // namespace rkt::native
