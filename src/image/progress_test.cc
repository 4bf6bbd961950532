// SPDX-License-Identifier: Apache-2.0
#include "image/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "json/reader.h"

namespace rkt::image {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A view whose clock a test moves.
struct Screen {
  std::string out;
  ProgressView view;
  ProgressView::Clock::time_point now{std::chrono::hours(1)};

  explicit Screen(ProgressView::Form form, ProgressView::Window window = {})
      : view(form, [this](std::string_view text) { out += text; }, [window] { return window; }) {}
  std::string show(const Progress& progress, milliseconds later = milliseconds(0)) {
    now += later;
    out.clear();
    view.show(progress, now);
    return out;
  }
};

using Form = ProgressView::Form;

TEST(SizeText, HasThreeDigitsAndDecimalUnits) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(999), "999 B");
  EXPECT_EQ(size_text(3900), "3.9 KB");
  EXPECT_EQ(size_text(3'250'000), "3.25 MB");
  EXPECT_EQ(size_text(10'200), "10.2 KB");
  EXPECT_EQ(size_text(240'000'000), "240 MB");
  EXPECT_EQ(size_text(1'050'000), "1.05 MB");
  EXPECT_EQ(size_text(UINT64_MAX), "18.4 EB");
}

TEST(ProgressLines, ArePrintedAtMostOnceASecond) {
  Screen s(Form::lines);
  EXPECT_EQ(s.show({"Downloading ACI", 1000, 10'200, false}), "");
  EXPECT_EQ(s.show({"Downloading ACI", 2000, 10'200, false}, milliseconds(900)), "");
  EXPECT_EQ(s.show({"Downloading ACI", 3900, 10'200, false}, milliseconds(200)), "Downloading ACI:  3.9 KB/10.2 KB\n");
  EXPECT_EQ(s.show({"Downloading ACI", 10'200, 10'200, true}), "Downloading ACI:  10.2 KB/10.2 KB\n");
}

TEST(ProgressLines, SayWhenTheSizeIsUnknown) {
  Screen s(Form::lines);
  s.show({"L", 1, 0, false});
  EXPECT_EQ(s.show({"L", 5000, 0, false}, milliseconds(1000)), "L: 5 KB of an unknown total size\n");
}

TEST(ProgressJson, IsOneObjectALine) {
  Screen s(Form::json);
  s.show({"a \"quoted\" label", 0, 200, false});
  const std::string line = s.show({"a \"quoted\" label", 100, 200, false}, milliseconds(1000));
  ASSERT_THAT(line, EndsWith("\n"));
  const json::Value value = json::parse(line);
  const json::Reader in(value);
  EXPECT_EQ(in.at("label").text(), "a \"quoted\" label");
  EXPECT_EQ(in.at("done").integer(), 100);
  EXPECT_EQ(in.at("total").integer(), 200);
  EXPECT_EQ(in.at("rate").integer(), 100);
  EXPECT_FALSE(in.at("finished").boolean());
}

TEST(ProgressBar, ShowsBytesAndRate) {
  Screen s(Form::terminal);
  s.show({"L", 0, 4'000'000, false});
  const std::string line = s.show({"L", 2'000'000, 4'000'000, false}, milliseconds(1000));
  EXPECT_THAT(line, HasSubstr("L: [================="));
  EXPECT_THAT(line, HasSubstr("] 2 MB/4 MB  2 MB/s"));
}

TEST(ProgressBar, DrawsRunningTransfersAsOneBlock) {
  Screen s(Form::terminal);
  s.show({"one", 0, 10, false});
  s.show({"two", 0, 10, false}, milliseconds(200));
  const std::string both = s.show({"one", 5, 10, false}, milliseconds(200));
  EXPECT_THAT(both, StartsWith("\r\x1b[2A"));
  EXPECT_LT(both.find("one: "), both.find("two: "));
}

TEST(ProgressBar, LeavesWhatIsOverOnTheScreen) {
  Screen s(Form::terminal);
  s.show({"one", 0, 10, false});
  s.show({"two", 0, 10, false}, milliseconds(200));
  const std::string end = s.show({"two", 10, 10, true});
  EXPECT_LT(end.find("two: "), end.find("one: "));
  EXPECT_THAT(s.show({"one", 10, 10, true}), StartsWith("\r\x1b[1A"));
  EXPECT_THAT(s.show({"three", 1, 10, false}, milliseconds(200)), Not(HasSubstr("A\r")));
}

TEST(ProgressBar, ShowsANewTransferAtOnce) {
  Screen s(Form::terminal);
  s.show({"one", 10, 10, true});
  EXPECT_THAT(s.show({"two", 1, 10, false}), HasSubstr("two: ["));
  EXPECT_EQ(s.show({"two", 2, 10, false}, milliseconds(50)), "");
}

TEST(ProgressBar, CountsTheRateFromWhereItBeganAgain) {
  Screen s(Form::terminal);
  s.show({"L", 9'000'000, 10'000'000, false});
  s.show({"L", 0, 10'000'000, false}, milliseconds(1000));
  EXPECT_THAT(s.show({"L", 1'000'000, 10'000'000, false}, milliseconds(1000)), HasSubstr("1 MB/10 MB  1 MB/s"));
}

TEST(ProgressBar, FitsANarrowTerminal) {
  Screen s(Form::terminal, {.columns = 20, .rows = 2});
  const std::string line = s.show({"Downloading sha256:0123456789", 0, 10, false});
  EXPECT_THAT(line, StartsWith("\rDownloading sha256:\x1b[K\n"));
  s.show({"two", 0, 10, false}, milliseconds(200));
  EXPECT_THAT(s.show({"two", 1, 10, false}, milliseconds(200)), StartsWith("\r\x1b[1A"));
}

TEST(Progress, CannotBeUsedToWriteToATerminal) {
  Screen s(Form::lines);
  EXPECT_EQ(s.show({"bad\x1b[2J", 1, 1, true}), "bad?[2J:  1 B/1 B\n");
}

}  // namespace
}  // namespace rkt::image
