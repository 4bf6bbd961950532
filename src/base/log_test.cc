// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gtest/gtest.h>

namespace rkt::log {
namespace {

std::string noted(std::string_view text) {
  testing::internal::CaptureStderr();
  note("fetch", text);
  return testing::internal::GetCapturedStderr();
}

TEST(Note, EndsTheLineOnce) {
  EXPECT_EQ(noted("text"), "fetch: text\n");
  EXPECT_EQ(noted("two\n\tlines\n"), "fetch: two\n\tlines\n");
  EXPECT_EQ(noted("\nError"), "fetch: \nError\n");
  EXPECT_EQ(noted(""), "fetch: \n");
}

TEST(Note, GivesATerminalNothingToObey) {
  EXPECT_EQ(noted("bad ACKind: x\x1b]0;pwn\x07\r\xc2\x9b"), "fetch: bad ACKind: x\\x1b]0;pwn\\x07\\x0d\\xc2\\x9b\n");
  EXPECT_EQ(noted("└─ é"), "fetch: └─ é\n");
}

}  // namespace
}  // namespace rkt::log
