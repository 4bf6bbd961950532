// SPDX-License-Identifier: Apache-2.0
#include "pod/logs.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::pod {
namespace {

using cri::LogTag;
using cri::LogTime;

LogTime at(int seconds) { return LogTime(std::chrono::seconds(1'700'000'000 + seconds)); }

std::string line(int seconds, std::string_view text, int stream = 1, LogTag tag = LogTag::full) {
  return cat(cri::log_prefix(at(seconds), stream, tag), text, "\n");
}

class LogsTest : public ::testing::Test {
 protected:
  void put(const std::string& app, const std::string& file, const std::string& text) const {
    write_file(tmp_.dir().make_sub("logs").make_sub(app), file, text, 0640);
  }
  void append(const std::string& app, const std::string& file, const std::string& text) const {
    const auto fd = tmp_.dir().open_file(cat("logs/", app, "/", file), O_WRONLY | O_APPEND);
    write_all(fd.get(), text, file);
  }
  static std::vector<std::string> texts(LogReader& reader) {
    reader.look();
    return rest_of(reader);
  }
  static std::vector<std::string> rest_of(LogReader& reader) {
    std::vector<std::string> out;
    while (const auto r = reader.next()) out.emplace_back(r->text);
    return out;
  }
  using Texts = std::vector<std::string>;
  TempDir tmp_;
};

TEST_F(LogsTest, AnAppThatWroteNothingHasNoRecords) {
  LogReader reader(tmp_.dir(), "web", std::nullopt);
  EXPECT_EQ(texts(reader), Texts{});
  put("web", "1", line(1, "a"));
  EXPECT_EQ(reader.next(), std::nullopt) << "it came after the look";
  EXPECT_EQ(texts(reader), Texts{"a"});
}

TEST_F(LogsTest, FilesAreReadInTheOrderOfTheirNumbers) {
  put("web", "10", line(2, "b") + line(3, "c"));
  put("web", "9", line(1, "a"));
  put("web", "junk", line(1, "x"));
  LogReader reader(tmp_.dir(), "web", std::nullopt);
  EXPECT_EQ(texts(reader), (Texts{"a", "b", "c"}));
}

TEST_F(LogsTest, WhatIsNoRecordIsPassedOver) {
  put("web", "1", cat("torn\n", line(1, "a"), std::string(100'000, '\0'), "\n", line(2, "b"), "2026-01-01T0"));
  LogReader reader(tmp_.dir(), "web", std::nullopt);
  EXPECT_EQ(texts(reader), (Texts{"a", "b"}));
}

TEST_F(LogsTest, ARecordIsReadOnceItIsWhole) {
  const std::string all = line(1, "whole");
  put("web", "1", all.substr(0, 20));
  LogReader reader(tmp_.dir(), "web", std::nullopt);
  EXPECT_EQ(texts(reader), Texts{});
  append("web", "1", all.substr(20));
  EXPECT_EQ(texts(reader), Texts{"whole"});
}

TEST_F(LogsTest, ARotationIsFollowedToTheEndOfTheOldFile) {
  put("web", "1", line(1, "a"));
  LogReader reader(tmp_.dir(), "web", std::nullopt);
  EXPECT_EQ(texts(reader), Texts{"a"});
  append("web", "1", line(2, "b"));
  put("web", "2", line(3, "c"));
  tmp_.dir().unlink("logs/web/1");
  EXPECT_EQ(texts(reader), (Texts{"b", "c"}));
  EXPECT_EQ(reader.take_missed(), 0U);
  put("web", "5", line(4, "d"));
  tmp_.dir().unlink("logs/web/2");
  EXPECT_EQ(texts(reader), Texts{"d"});
  EXPECT_EQ(reader.take_missed(), 2U);
}

TEST_F(LogsTest, WhatIsWrittenAfterTheLookIsLeftForTheNext) {
  put("web", "1", line(1, "a"));
  put("web", "2", line(2, "b") + "2026");
  LogReader reader(tmp_.dir(), "web", std::nullopt);
  reader.look();
  write_file(tmp_.dir().sub("logs/web"), "2", line(2, "b") + line(3, "c"), 0640);
  put("web", "3", line(4, "d"));
  EXPECT_EQ(rest_of(reader), (Texts{"a", "b"}));
  EXPECT_EQ(texts(reader), (Texts{"c", "d"}));
  put("web", "4", line(5, "e"));
  reader.look();
  tmp_.dir().unlink("logs/web/4");
  put("web", "5", line(6, "f"));
  EXPECT_EQ(rest_of(reader), Texts{});
  EXPECT_EQ(texts(reader), Texts{"f"});
  EXPECT_EQ(reader.take_missed(), 1U);
}

TEST_F(LogsTest, OldFilesAreNotReadForARecentTime) {
  put("web", "1", line(1, "a"));
  put("web", "2", line(2, "b"));
  const timespec old[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::utimensat(tmp_.dir().get(), "logs/web/1", old, 0), 0);
  LogReader reader(tmp_.dir(), "web", at(0));
  EXPECT_EQ(texts(reader), Texts{"b"});
}

TEST_F(LogsTest, SeveralAppsAreMergedByTime) {
  put("a", "1", line(1, "a1") + line(4, "a4"));
  put("b", "1", line(2, "b2") + line(3, "b3", 2, LogTag::partial));
  PodLogs logs(tmp_.dir(), {"a", "b"}, std::nullopt);
  logs.look();
  Texts got;
  while (const auto e = logs.next()) got.push_back(cat(e->app, ' ', e->record.text));
  EXPECT_EQ(got, (Texts{"0 a1", "1 b2", "1 b3", "0 a4"}));
  append("b", "1", line(5, "b5"));
  logs.look();
  EXPECT_EQ(logs.next().value().record.text, "b5");
}

}  // namespace
}  // namespace rkt::pod
