// SPDX-License-Identifier: Apache-2.0
#include "tree/entries.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::tree {
namespace {

// A file system notes when something changed in ticks: what is done in the tick of the record looks as if before it.
void wait_for_a_tick(const DirFd& dir) {
  const auto now = [&] {
    write_file(dir, "clock", "", 0644);
    ::futimens(dir.open_file("clock", O_RDONLY).get(), nullptr);
    struct stat st{};
    ::fstatat(dir.get(), "clock", &st, 0);
    return st.st_ctim.tv_nsec;
  };
  for (const auto before = now(); now() == before;) {
  }
}

class EntriesTest : public testing::Test {
 protected:
  EntriesTest() {
    write_file(root_, "f", "text", 0644);
    write_file(root_, "g", "text", 0644);
    const DirFd sub = root_.make_sub("sub").make_sub("sub");
    write_file(sub, std::string(255, 'n'), "", 0644);
    EXPECT_EQ(::symlinkat("f", sub.get(), "link"), 0);
    EXPECT_EQ(::mkfifoat(root_.get(), "pipe", 0600), 0);
    write_entries(dir());
    wait_for_a_tick(dir());
  }
  const DirFd& dir() const { return tmp_.dir(); }
  std::string changed() const { return changed_entry(dir()).value_or(""); }

  TempDir tmp_;
  DirFd root_ = tmp_.dir().make_sub("rootfs");
};

TEST_F(EntriesTest, ReadingChangesNothing) {
  EXPECT_EQ(read_file(root_, "f"), "text");
  EXPECT_EQ(root_.names().size(), 4U);
  EXPECT_EQ(changed(), "");
}

// Size, and the time stamp that a program can set, are as before.
TEST_F(EntriesTest, AWriteOfTheSameSizeIsFound) {
  struct stat st{};
  ASSERT_EQ(::fstatat(root_.get(), "f", &st, 0), 0);
  const UniqueFd f = root_.open_file("f", O_WRONLY);
  write_all(f.get(), "Text", "f");
  const timespec times[2] = {st.st_atim, st.st_mtim};
  ASSERT_EQ(::futimens(f.get(), times), 0);
  EXPECT_EQ(changed(), "\"/f\" is not what it was");
}

TEST_F(EntriesTest, EveryOtherChangeIsFound) {
  const DirFd sub = root_.sub("sub/sub");
  const std::string link = "\"/sub/sub/link\" is not what it was", inside = "\"/sub/sub\" is not what it was",
                    top = "\"/\" is not what it was";
  const std::vector<std::pair<std::function<int()>, std::string>> changes = {
      {[&] { return ::fchownat(sub.get(), "link", 0, 0, AT_SYMLINK_NOFOLLOW); }, link},
      {[&] { return ::fchmodat(root_.get(), "pipe", 0644, 0); }, "\"/pipe\" is not what it was"},
      {[&] { return ::linkat(root_.get(), "g", dir().get(), "elsewhere", 0); }, "\"/g\" is not what it was"},
      {[&] { return ::unlinkat(sub.get(), "link", 0); }, inside},
      {[&] { return ::mkdirat(sub.get(), "new", 0755); }, inside},
      {[&] { return ::renameat(root_.get(), "f", root_.get(), "e"); }, top},
      {[&] { return ::renameat2(root_.get(), "e", root_.get(), "g", RENAME_EXCHANGE); }, top},
      {[&] { return ::fchmod(root_.get(), 0700); }, top},
  };
  for (const auto& [change, what] : changes) {
    (void)change();
    EXPECT_EQ(changed(), what);
    write_entries(dir());
    EXPECT_EQ(changed(), "");
    wait_for_a_tick(dir());
  }
}

TEST_F(EntriesTest, ARecordThatIsCutShortDamagedOrMissingDoesNotHold) {
  const std::string record = read_file(dir(), kEntries);
  ASSERT_GT(record.size(), 8 * 56U);
  for (std::size_t n = 0; n < record.size(); n += 7) {
    write_file(dir(), kEntries, record.substr(0, n), 0644);
    ASSERT_NE(changed(), "") << n;
    std::string flipped = record;
    flipped[n] = static_cast<char>(flipped[n] ^ 1);
    write_file(dir(), kEntries, flipped, 0644);
    ASSERT_NE(changed(), "") << n;
  }
  write_file(dir(), kEntries, record + std::string(1, '\0'), 0644);
  EXPECT_EQ(changed(), "its record is longer");
  write_file(dir(), kEntries, record, 0644);
  EXPECT_EQ(changed(), "");
  dir().unlink(kEntries);
  EXPECT_EQ(changed(), "it has no record");
  dir().make_sub(kEntries);
  EXPECT_EQ(changed(), "it has no record");
}

TEST_F(EntriesTest, ATreeThatIsGoneDoesNotHold) {
  dir().remove_tree("rootfs");
  EXPECT_NE(changed(), "");
}

// More than one block of a record.
TEST_F(EntriesTest, LargeDirectoriesAreRead) {
  const DirFd large = root_.make_sub("large");
  for (int i = 0; i < 2000; ++i) write_file(large, cat("file-", i), "", 0644);
  write_entries(dir());
  EXPECT_GT(read_file(dir(), kEntries).size(), std::size_t{1} << 17);
  EXPECT_EQ(changed(), "");
  wait_for_a_tick(dir());
  ASSERT_EQ(::fchmodat(large.get(), "file-1999", 0600, 0), 0);
  EXPECT_EQ(changed(), "\"/large/file-1999\" is not what it was");
}

}  // namespace
}  // namespace rkt::tree
