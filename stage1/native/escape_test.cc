// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/escape.h"

#include <gtest/gtest.h>

namespace rkt::native {
namespace {

using std::chrono::milliseconds;

TEST(EscapeSequence, IsCompleteWithTheThirdKeyInTime) {
  EscapeSequence escape;
  const EscapeSequence::Time t{};
  EXPECT_FALSE(escape.feed("\x1d", t));
  EXPECT_FALSE(escape.feed("\x1d", t + milliseconds(400)));
  EXPECT_TRUE(escape.feed("\x1d", t + milliseconds(900)));
}

TEST(EscapeSequence, MayArriveAtOnce) {
  EscapeSequence escape;
  EXPECT_TRUE(escape.feed("ls\n\x1d\x1d\x1d", {}));
}

TEST(EscapeSequence, IsBrokenByAnotherByte) {
  EscapeSequence escape;
  EXPECT_FALSE(
      escape.feed("\x1d\x1d"
                  "a\x1d",
                  {}));
}

TEST(EscapeSequence, IsForgottenAfterASecond) {
  EscapeSequence escape;
  const EscapeSequence::Time t{};
  EXPECT_FALSE(escape.feed("\x1d\x1d", t));
  EXPECT_FALSE(escape.feed("\x1d", t + milliseconds(1000)));
  EXPECT_TRUE(escape.feed("\x1d\x1d", t + milliseconds(1500)));
}

}  // namespace
}  // namespace rkt::native
