// SPDX-License-Identifier: Apache-2.0
#include "net/network.h"

#include <gtest/gtest.h>

namespace rkt::net {
namespace {

TEST(OwnAddressTest, OnlyWhatThisHostHasIsItsOwn) {
  EXPECT_TRUE(is_own_address("127.0.0.1"));
  for (const auto* other : {"192.0.2.1", "", "::1", "localhost"}) EXPECT_FALSE(is_own_address(other)) << other;
}

}  // namespace
}  // namespace rkt::net
