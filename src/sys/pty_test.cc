// SPDX-License-Identifier: Apache-2.0
#include "sys/pty.h"

#include <gtest/gtest.h>

namespace rkt {
namespace {

TEST(TerminalType, IsWhatTermNames) {
  for (const char* name : {"vt220", "xterm-256color", "screen.xterm-256color", "rxvt+pcfkeys", "x_y"})
    EXPECT_EQ(terminal_type(name), name);
}

TEST(TerminalType, IsNothingThatNoTerminalIsCalled) {
  EXPECT_EQ(terminal_type(std::nullopt), "vt100");
  for (const std::string bad : {"", "a b", "../x", "x\ny=1", "\x1b[2J", "caf\xc3\xa9"})
    EXPECT_EQ(terminal_type(bad), "vt100");
  EXPECT_EQ(terminal_type(std::string(64, 'x')), std::string(64, 'x'));
  EXPECT_EQ(terminal_type(std::string(65, 'x')), "vt100");
}

}  // namespace
}  // namespace rkt
