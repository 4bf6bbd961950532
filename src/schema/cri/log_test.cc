// SPDX-License-Identifier: Apache-2.0
#include "schema/cri/log.h"

#include <gtest/gtest.h>

namespace rkt::cri {
namespace {

using namespace std::chrono_literals;

constexpr LogTime kTime(std::chrono::sys_days(std::chrono::year(2016) / 10 / 6) + 17min + 9s + 669794202ns);

TEST(CriLog, ARecordIsWrittenAsKubernetesReadsIt) {
  EXPECT_EQ(log_prefix(kTime, 1, LogTag::full), "2016-10-06T00:17:09.669794202Z stdout F ");
  EXPECT_EQ(log_prefix(kTime, 2, LogTag::partial), "2016-10-06T00:17:09.669794202Z stderr P ");
  EXPECT_EQ(log_prefix(kTime, 1, LogTag::full).size(), kPrefixSize);
  EXPECT_EQ(log_prefix(kTime, 1, LogTag::full)[kTagOffset], 'F');
  EXPECT_EQ(log_time(LogTime(0ns)), "1970-01-01T00:00:00.000000000Z");
}

TEST(CriLog, WhatWasWrittenIsRead) {
  const std::string line = log_prefix(kTime, 2, LogTag::partial) + " a  b ";
  const auto r = parse_log_line(line);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->time, kTime);
  EXPECT_EQ(r->stream, 2);
  EXPECT_EQ(r->tag, LogTag::partial);
  EXPECT_EQ(r->text, " a  b ");
  EXPECT_EQ(parse_log_line(log_prefix(kTime, 1, LogTag::full)).value().text, "");
}

TEST(CriLog, WhatIsNoRecordIsNone) {
  for (const auto* line : {"", "x", "2016-10-06T00:17:09.669794202Z stdout F",
                           "2016-10-06T00:17:09.669794202Z stdin  F x", "2016-10-06T00:17:09.669794202Z stdout X x",
                           "2016-13-06T00:17:09Z stdout F x", "2016-10-06 00:17:09Z stdout F x"})
    EXPECT_FALSE(parse_log_line(line)) << line;
  EXPECT_FALSE(parse_log_line(std::string(50, '\0')));
}

TEST(CriLog, TimesHaveOffsetsAndFewerDigits) {
  const LogTime half(std::chrono::sys_days(std::chrono::year(2016) / 10 / 6) + 500ms);
  EXPECT_EQ(parse_time("2016-10-06T00:00:00.5Z"), half);
  EXPECT_EQ(parse_time("2016-10-06T01:30:00.5+01:30"), half);
  EXPECT_EQ(parse_time("2016-10-05T23:00:00.5-01:00"), half);
  for (const auto* text : {"2016-10-06", "2016-10-06T00:00:00", "2016-10-06T00:00:00.Z", "2016-10-06T24:00:00Z",
                           "2016-10-06T00:00:00+1:30", "2016-02-30T00:00:00Z"})
    EXPECT_FALSE(parse_time(text)) << text;
}

}  // namespace
}  // namespace rkt::cri
