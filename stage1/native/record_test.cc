// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/record.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
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

TEST(GrowingFile, IsBegunInPlaceWhereNoneIs) {
  const TempDir tmp;
  const mode_t mask = ::umask(077);
  GrowingFile file(tmp.dir(), "f");
  file.set("a\n");
  ::umask(mask);
  const ino_t first = inode_of(tmp.dir(), "f");
  file.set("a\nb\n");
  EXPECT_EQ(find_file_text(tmp.dir(), "f"), "a\nb\n");
  EXPECT_EQ(inode_of(tmp.dir(), "f"), first);
  struct stat st{};
  ASSERT_EQ(::fstatat(tmp.dir().get(), "f", &st, 0), 0);
  EXPECT_EQ(st.st_mode & 07777, 0644U);
}

// Whatever cannot be removed, here a directory, the app is none that is said to run.
TEST(RecordOfAnApp, IsNoneOfARunningOneWhereItsStartCannotBeRecorded) {
  for (const char* in_the_way : {".oom-killed", ".restarts", "-started"}) {
    const TempDir tmp;
    const DirFd status = make_dirs(cat(tmp.path(), "/rkt/status"));
    write_file(status, "ended", "3\n", 0644);
    status.make_sub(cat("ended", in_the_way));
    const Record record(tmp.dir(), tmp.dir(), {}, [](std::string_view) {});
    EXPECT_THROW(record.begun("ended"), Error) << in_the_way;
    EXPECT_EQ(find_file_text(status, "ended"), "3\n") << in_the_way;
  }
  const TempDir tmp;
  const DirFd status = make_dirs(cat(tmp.path(), "/rkt/status"));
  status.make_sub("new.restarts");
  EXPECT_THROW(Record(tmp.dir(), tmp.dir(), {}, [](std::string_view) {}).begun("new"), Error);
  EXPECT_FALSE(status.exists("new-started"));
}

TEST(RecordOfAnApp, HasNothingOfTheLastRunWhenItIsStarted) {
  const TempDir tmp;
  const DirFd status = make_dirs(cat(tmp.path(), "/rkt/status"));
  for (const char* suffix : {"", "-started", ".oom-killed", ".restarts"})
    write_file(status, cat("a", suffix), "1\n", 0644);
  Record(tmp.dir(), tmp.dir(), {}, [](std::string_view) {}).begun("a");
  EXPECT_EQ(status.names(), std::vector<std::string>{"a-started"});
  EXPECT_EQ(find_file_text(status, "a-started"), "");
}

}  // namespace
}  // namespace rkt::native
