// SPDX-License-Identifier: Apache-2.0
#include "net/user_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace rkt::net {
namespace {

using ::testing::Contains;

TEST(UserNetwork, ReachesNothingOfTheHostsLoopbackAndOpensNoPort) {
  const auto pasta = user_network_argv("/usr/bin/pasta", "/proc/7/fd/4");
  EXPECT_THAT(pasta, Contains("--no-map-gw"));
  for (const char* flag : {"-t", "-u", "-T", "-U"}) {
    const auto at = std::ranges::find(pasta, flag);
    ASSERT_NE(at, pasta.end()) << flag;
    EXPECT_EQ(*(at + 1), "none") << flag;
  }
  EXPECT_THAT(user_network_argv("/usr/bin/slirp4netns", "/proc/7/fd/4"), Contains("--disable-host-loopback"));
}

}  // namespace
}  // namespace rkt::net
