// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/lines.h"

#include <gtest/gtest.h>

#include <vector>

namespace rkt::native {
namespace {

using std::chrono::microseconds;

std::vector<std::string> feed(LineSplitter& s, std::string_view bytes) {
  std::vector<std::string> out;
  s.feed(bytes, [&](std::string_view line) { out.emplace_back(line); });
  return out;
}

TEST(LinePrefix, HasTheTimeTheAppAndItsProcess) {
  EXPECT_EQ(line_prefix(microseconds(123'456'789), "app", 5), "[  123.456789] app[5]: ");
  EXPECT_EQ(line_prefix(microseconds(1'234'567'000'001), "a", 10), "[1234567.000001] a[10]: ");
}

TEST(LineSplitter, KeepsWhatIsNotALineYet) {
  LineSplitter s;
  EXPECT_EQ(feed(s, "one\ntw"), (std::vector<std::string>{"one"}));
  EXPECT_EQ(feed(s, "o\n\nthree"), (std::vector<std::string>{"two", ""}));
  std::string last;
  s.end([&](std::string_view line) { last = line; });
  EXPECT_EQ(last, "three");
}

TEST(LineSplitter, CutsALineThatNeverEnds) {
  LineSplitter s;
  const auto lines = feed(s, std::string(3 * LineSplitter::kMaxLine + 1, 'x'));
  EXPECT_EQ(lines.size(), 3U);
  for (const auto& line : lines) EXPECT_EQ(line.size(), LineSplitter::kMaxLine);
}

TEST(LineSplitter, ALineOfExactlyTheLimitIsOneLine) {
  LineSplitter s;
  EXPECT_EQ(feed(s, std::string(LineSplitter::kMaxLine, 'x') + "\nrest\n").size(), 2U);
}

}  // namespace
}  // namespace rkt::native
