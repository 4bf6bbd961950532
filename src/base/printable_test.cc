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

TEST(Visible, KeepsWhatTextConsistsOf) {
  EXPECT_EQ(visible("a\xe2\x80\x8c"
                    "b\xe2\x80\x8d"),
            "a\xe2\x80\x8c"
            "b\xe2\x80\x8d");
}

}  // namespace
}  // namespace rkt
