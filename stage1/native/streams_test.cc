// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/streams.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::native {
namespace {

AppStreams streams(const char* name, const char* value) {
  return plan_streams({{std::string("coreos.com/rkt/stage2/") + name, value}});
}

TEST(AppStreams, AreTheReferencesWhenNobodySaysOtherwise) {
  const auto s = plan_streams({});
  EXPECT_EQ(s.in, StreamMode::null);
  EXPECT_EQ(s.out, StreamMode::log);
  EXPECT_EQ(s.err, StreamMode::log);
  EXPECT_FALSE(s.has_terminal());
}

TEST(AppStreams, AreWhatAnnotationsSay) {
  EXPECT_EQ(streams("stdin", "stream").in, StreamMode::stream);
  EXPECT_EQ(streams("stdout", "null").out, StreamMode::null);
  EXPECT_EQ(streams("stderr", "log").err, StreamMode::log);
  EXPECT_TRUE(streams("stdin", "tty").has_terminal());
}

TEST(AppStreams, AModeThatThereIsNotIsRefused) {
  for (const auto* name : {"stdin", "stdout", "stderr"}) {
    try {
      streams(name, "x");
      FAIL() << name;
    } catch (const Error& e) {
      EXPECT_EQ(e.brief(), std::string("invalid ") + name + " mode \"x\"");
    }
  }
  EXPECT_THROW(streams("stdin", "log"), Error);
}

TEST(AppStreams, LimitsOfTheLogAreChecked) {
  EXPECT_EQ(streams("log-size", "1Mi").log.size, 1U << 20);
  EXPECT_EQ(streams("log-files", "2").log.files, 2U);
  for (const auto* bad : {"1", "-1", "63Ki", "x"}) EXPECT_THROW(streams("log-size", bad), Error) << bad;
  for (const auto* bad : {"0", "-1", "x"}) EXPECT_THROW(streams("log-files", bad), Error) << bad;
}

}  // namespace
}  // namespace rkt::native
