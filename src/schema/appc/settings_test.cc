// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/settings.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::appc {
namespace {

TEST(Settings, SizesAndNumbersAreRead) {
  EXPECT_EQ(parse_shm_size("1Mi"), 1 << 20);
  EXPECT_EQ(parse_log_size("64Ki"), kLeastLogSize);
  EXPECT_EQ(parse_log_files("3"), 3U);
}

TEST(Settings, EachFlagsValueIsChecked) {
  const auto taken = [](std::string_view flag, std::string_view value) {
    try {
      check_setting({cat(kAppFlag, flag), std::string(value)});
      return true;
    } catch (const Error&) {
      return false;
    }
  };
  struct Case {
    const char *flag, *good, *bad;
  };
  for (const auto& c :
       {Case{"stdin", "tty", "log"}, Case{"stdout", "log", "foo"}, Case{"stderr", "null", ""},
        Case{"log-size", "1M", "63Ki"}, Case{"log-size", "1M", "-1M"}, Case{"log-files", "1", "0"},
        Case{"restart", "always", "often"}, Case{"pid", "private", "host"}, Case{"stop-signal", "SIGUSR1", "SIGODD"}}) {
    EXPECT_TRUE(taken(c.flag, c.good)) << c.flag;
    EXPECT_FALSE(taken(c.flag, c.bad)) << c.flag;
  }
  EXPECT_TRUE(taken("somebody-elses", "anything"));
}

TEST(Settings, TheSizeOfSharedMemoryIsOneOfThem) {
  EXPECT_NO_THROW(check_setting({std::string(kShmSize), "1M"}));
  for (const char* bad : {"0", "-1", "abc", ""}) EXPECT_THROW(check_setting({std::string(kShmSize), bad}), Error);
}

}  // namespace
}  // namespace rkt::appc
