// SPDX-License-Identifier: Apache-2.0
#include "base/printable.h"

#include <gtest/gtest.h>

namespace rkt {
namespace {

TEST(Printable, LeavesOrdinaryTextInAnyScriptAlone) {
  EXPECT_EQ(printable("Jürgen Müller <j@example.com> 日本 😀"), "Jürgen Müller <j@example.com> 日本 😀");
}

TEST(Printable, ReplacesEscapesLineEndsAndC1Controls) {
  EXPECT_EQ(printable("a\x1b[2Jb\r\nc\x7f\xc2\x9b"), "a?[2Jb??c??");
}

TEST(Printable, ReplacesMarksThatReorderOrHideText) {
  EXPECT_EQ(printable("abc\xe2\x80\xae"
                      "def\xe2\x80\x8b\xe2\x81\xa6"),
            "abc?def??");
}

TEST(IsUtf8, EveryByteIsOfACharacter) {
  for (const char* good : {"", "a\n", "ü日😀"}) EXPECT_TRUE(is_utf8(good)) << good;
  for (const char* bad : {"\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "caf\xe9 x"}) EXPECT_FALSE(is_utf8(bad)) << bad;
}

TEST(Printable, ReplacesEachByteThatIsNotUtf8) {
  EXPECT_EQ(printable("\xff\xc0\xaf\xed\xa0\x80x\xe2\x82"), "??????x??");
}

TEST(Printable, CutsBetweenCharacters) {
  EXPECT_EQ(printable("aü", 2), "a");
  EXPECT_EQ(printable("aü", 3), "aü");
}

TEST(Visible, ShowsWhatATerminalWouldDo) {
  EXPECT_EQ(visible("a\tb\x1b[2J\r\x7f\xc2\x9b"
                    "31m\xff\xe2\x80\xae"
                    "ü"),
            "a\tb\\x1b[2J\\x0d\\x7f\\xc2\\x9b31m\\xff\\xe2\\x80\\xaeü");
}

TEST(Visible, ShowsEveryMarkThatReorders) {
  for (const char* mark : {"\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xaa", "\xe2\x81\xa9"})
    EXPECT_EQ(visible(mark).substr(0, 2), "\\x") << mark;
}

TEST(Visible, OfAsciiIsNothingElse) {
  EXPECT_EQ(visible("a\xc3\x9b\tb", Charset::ascii), "a\\xc3\\x9b\tb");
  EXPECT_EQ(visible("a\xc3\x9b\tb"), "a\xc3\x9b\tb");
}

TEST(Unfinished, CountsTheBeginningOfACharacter) {
  EXPECT_EQ(unfinished(""), 0U);
  EXPECT_EQ(unfinished("a\xc3"), 1U);
  EXPECT_EQ(unfinished("a\xe2\x82"), 2U);
  EXPECT_EQ(unfinished("a\xf0\x9f\x98"), 3U);
  for (const char* whole : {"a", "a\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x80\x80", "\xff", "\xc3\xa4\xa4"})
    EXPECT_EQ(unfinished(whole), 0U) << whole;
}

TEST(Visible, KeepsWhatTextConsistsOf) {
  EXPECT_EQ(visible("a\xe2\x80\x8c"
                    "b\xe2\x80\x8d"),
            "a\xe2\x80\x8c"
            "b\xe2\x80\x8d");
}

}  // namespace
}  // namespace rkt
