// SPDX-License-Identifier: Apache-2.0
#include "sys/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt {
namespace {

TEST(ReopenFd, OpensWhatIsOpenWhateverHasItsNameNow) {
  const TempDir tmp;
  write_file(tmp.dir(), "f", "first", 0644);
  const UniqueFd there = tmp.dir().open_file("f", O_PATH);
  tmp.dir().unlink("f");
  write_file(tmp.dir(), "f", "second", 0644);
  const UniqueFd fd = reopen_fd(there.get(), O_RDONLY);
  ASSERT_TRUE(fd);
  EXPECT_EQ(read_all(fd.get(), "f"), "first");
  EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
}

TEST(ReopenFd, IsEmptyWhereThereIsNoneToOpen) {
  EXPECT_FALSE(reopen_fd(-1, O_RDONLY));
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace rkt
