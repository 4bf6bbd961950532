// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::cli {
namespace {
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(Table, PadsToTabStopsAndNeverTheLastCell) {
  EXPECT_EQ(table({{"UUID", "APP", "X"}, {"12345678", "a", "y"}}), "UUID\t\tAPP\tX\n12345678\ta\ty\n");
}

TEST(Table, EmptyCellsKeepTheirTabs) { EXPECT_EQ(table({{"a", "b", "c"}, {"", "", "d"}}), "a\tb\tc\n\t\td\n"); }

TEST(Table, ATextAddsNoCellsAndNoRows) {
  EXPECT_EQ(table({{"a\tb\nc", "\x1b[2J"}, {"d", "\x9b"}}), "a?b?c\t?[2J\nd\t?\n");
}

TEST(Times, RelativeTimesTruncate) {
  const auto ago = [](std::int64_t s) {
    return relative_time(TimePoint(seconds(1'000'000'000)), TimePoint(seconds(1'000'000'000 + s)));
  };
  EXPECT_EQ(ago(0), "now");
  EXPECT_EQ(ago(1), "1 second ago");
  EXPECT_EQ(ago(119), "1 minute ago");
  EXPECT_EQ(ago(7199), "1 hour ago");
  EXPECT_EQ(ago(13L * 86400), "1 week ago");
  EXPECT_EQ(ago(59L * 86400), "1 month ago");
  EXPECT_EQ(ago(500L * 86400), "1 year ago");
  EXPECT_EQ(ago(-61), "1 minute from now");
}

TEST(Times, AbsoluteTimesDropTrailingZeros) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  EXPECT_EQ(absolute_time(TimePoint(nanoseconds(1'500'000'000'450'000'000))), "2017-07-14 02:40:00.45 +0000 UTC");
  EXPECT_EQ(absolute_time(TimePoint(seconds(1'500'000'000))), "2017-07-14 02:40:00 +0000 UTC");
  EXPECT_EQ(absolute_time(TimePoint(nanoseconds(1'500'000'000'000'012'340)), 9),
            "2017-07-14 02:40:00.00001234 +0000 UTC");
  EXPECT_EQ(absolute_time(TimePoint{}), "0001-01-01 00:00:00 +0000 UTC");
}

TEST(Sizes, ShortFormHasOneDecimalBelowTen) {
  EXPECT_EQ(short_size(9), "9B");
  EXPECT_EQ(short_size(1536), "1.5KiB");
  EXPECT_EQ(short_size(750UL * 1024), "750KiB");
  EXPECT_EQ(short_size(10UL * 1024), "10KiB");
}

TEST(Sizes, AreReadInBinaryUnits) {
  EXPECT_EQ(parse_size("4096"), 4096U);
  EXPECT_EQ(parse_size("4096B"), 4096U);
  EXPECT_EQ(parse_size("10GiB"), 10UL << 30);
  EXPECT_EQ(parse_size("10G"), 10UL << 30);
  EXPECT_EQ(parse_size("1.5MiB"), 3UL << 19);
  EXPECT_EQ(parse_size("0"), 0U);
  for (const auto* bad : {"", "G", "-1", "1X", "1GiBB", "nan", "inf", "1e3", "99999999999E", " 1"})
    EXPECT_THROW(parse_size(bad), Error) << bad;
}

TEST(Durations, GoNotationBothWays) {
  EXPECT_EQ(parse_duration("1h30m"), std::chrono::minutes(90));
  EXPECT_EQ(parse_duration("-1.5s"), std::chrono::milliseconds(-1500));
  EXPECT_EQ(parse_duration("0"), nanoseconds(0));
  EXPECT_EQ(duration_text(std::chrono::minutes(30)), "30m0s");
  EXPECT_EQ(duration_text(std::chrono::hours(24)), "24h0m0s");
  EXPECT_EQ(duration_text(std::chrono::milliseconds(1500)), "1.5s");
  for (const auto* bad : {"", "abc", "5", "1x", ".s"}) EXPECT_THROW(parse_duration(bad), Error) << bad;
  try {
    parse_duration("5d");
  } catch (const Error& e) {
    EXPECT_EQ(e.brief(), "time: unknown unit \"d\" in duration \"5d\"");
  }
}

}  // namespace
}  // namespace rkt::cli
