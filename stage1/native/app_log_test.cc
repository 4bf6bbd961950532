// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/app_log.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include "base/strings.h"
#include "schema/appc/settings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::native {
namespace {

class AppLogTest : public ::testing::Test {
 protected:
  AppLog log(LogLimits limits = {}) {
    return {pod_, "web", limits, [this](std::string_view s) { said_.emplace_back(s); }};
  }
  std::string text(const std::string& name) const { return read_file(pod_, "logs/web/" + name); }
  std::vector<std::string> files() const { return pod_.sub("logs/web").names(); }

  // The bytes of a stream.
  std::string bytes(int stream) const {
    std::string out;
    for (const auto& name : files()) {
      const std::string all = text(name);
      for (const auto line : split(all, '\n')) {
        const auto r = cri::parse_log_line(line);
        if (r && r->stream == stream) out += cat(r->text, r->tag == cri::LogTag::full ? "\n" : "");
      }
    }
    return out;
  }

  TempDir tmp_;
  DirFd pod_ = DirFd::open(tmp_.path());
  std::vector<std::string> said_;
};

TEST_F(AppLogTest, NothingIsMadeBeforeSomethingIsWritten) {
  auto l = log();
  l.take(1, "");
  l.end(1);
  EXPECT_FALSE(pod_.exists("logs"));
}

TEST_F(AppLogTest, LinesOfBothStreamsAreWholeRecords) {
  auto l = log();
  l.take(1, "one\ntw");
  l.take(2, "err\n");
  l.take(1, "o\n\n");
  const std::string all = text("1");
  const auto lines = split(all, '\n');
  ASSERT_EQ(lines.size(), 5U);  // the last one is empty
  EXPECT_EQ(lines[0].substr(30), " stdout F one");
  EXPECT_EQ(lines[1].substr(30), " stderr F err");
  EXPECT_EQ(lines[2].substr(30), " stdout F two");
  EXPECT_EQ(lines[3].substr(30), " stdout F ");
}

TEST_F(AppLogTest, EveryByteIsKeptHoweverItComes) {
  std::string sent;
  for (int i = 0; sent.size() < 300'000; ++i)
    sent += cat(std::string(static_cast<std::size_t>(i * 37 % 900), 'x'), i, "\n");
  sent += std::string(50'000, 'y') + "\nno newline";
  sent[1000] = '\0';
  auto l = log();
  for (std::size_t at = 0, n = 1; at < sent.size(); at += n, n = n * 7 % 40'009)
    l.take(1, std::string_view(sent).substr(at, n));
  l.end(1);
  EXPECT_TRUE(bytes(1) == sent);
  EXPECT_EQ(bytes(2), "");
}

TEST_F(AppLogTest, FilesAreBoundedInSizeAndNumber) {
  auto l = log({.size = appc::kLeastLogSize, .files = 3});
  std::string last;
  for (int i = 0; i < 10'000; ++i) l.take(1, last = cat("line number ", i, "\n"));
  EXPECT_EQ(files().size(), 3U);
  for (const auto& name : files()) {
    EXPECT_LE(text(name).size(), appc::kLeastLogSize);
    EXPECT_TRUE(text(name).ends_with("\n"));
  }
  EXPECT_TRUE(bytes(1).ends_with(last));
}

TEST_F(AppLogTest, AnotherStartOfTheAppGoesOn) {
  log().take(1, "first\n");
  log().take(1, "second\n");
  EXPECT_EQ(files(), std::vector<std::string>{"1"});
  EXPECT_EQ(bytes(1), "first\nsecond\n");
}

// Over a file system with room for so much, which is mounted where the log goes.
TEST_F(AppLogTest, AFullDiskLosesLinesAndSaysHowMany) {
  pod_.make_sub("logs").make_sub("web");
  const std::string place = tmp_.path() + "/logs/web";
  if (::mount("tmpfs", place.c_str(), "tmpfs", 0, "size=128k") < 0) GTEST_SKIP() << "needs root";
  write_file(pod_.sub("logs/web"), "ballast", std::string(100'000, 'b'), 0600);
  {
    auto l = log();
    for (int i = 0; i < 1000; ++i) l.take(1, cat("line ", i, " ", std::string(60, 'x'), "\n"));
    ASSERT_EQ(said_.size(), 1U);
    EXPECT_NE(said_[0].find("the log of app \"web\" cannot be written"), std::string::npos) << said_[0];
    EXPECT_TRUE(text("1").ends_with("x\n"));
    pod_.sub("logs/web").unlink("ballast");
    l.take(1, "after\n");
  }
  const std::string all = text("1");
  std::size_t kept = 0;
  for (const auto line : split(all, '\n')) kept += line.find(" stdout F line ") != std::string::npos ? 1 : 0;
  EXPECT_NE(all.find(cat(" stderr F rkt: ", 1000 - kept, " lines (")), std::string::npos);
  EXPECT_TRUE(all.ends_with(" stdout F after\n"));
  ::umount2(place.c_str(), MNT_DETACH);
}

TEST_F(AppLogTest, AMessageTearsNoLine) {
  auto l = log();
  const std::string most(AppLog::kMaxText, 'x');
  l.take(2, "a ");
  l.take_message("m1\nm2");
  l.take(2, "line\n");
  EXPECT_EQ(bytes(2), "m1\nm2\na line\n");
  l.take(2, most + "y");
  l.take_message("m3");
  l.take(2, "z\n");
  EXPECT_EQ(bytes(2), "m1\nm2\na line\n" + most + "yz\n");
  EXPECT_EQ(bytes(1), "m3\n") << "the other stream while this one is within a line";
  l.take(1, most);
  l.take(2, most);
  l.take_message(most + "m4");
  EXPECT_EQ(bytes(2), "m1\nm2\na line\n" + most + "yz\n" + most + "\n" + most + "m4\n") << "both are";
}

}  // namespace
}  // namespace rkt::native
