// SPDX-License-Identifier: Apache-2.0
#include "sys/caps.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

namespace rkt {
namespace {

TEST(Caps, NamesHaveTheNumbersOfTheKernel) {
  EXPECT_EQ(parse_cap("CAP_CHOWN"), CAP_CHOWN);
  EXPECT_EQ(parse_cap("CAP_NET_BIND_SERVICE"), CAP_NET_BIND_SERVICE);
  EXPECT_EQ(parse_cap("CAP_SYS_ADMIN"), CAP_SYS_ADMIN);
  EXPECT_EQ(parse_cap("CAP_SETFCAP"), CAP_SETFCAP);
  EXPECT_EQ(parse_cap("CAP_CHECKPOINT_RESTORE"), CAP_CHECKPOINT_RESTORE);
  EXPECT_EQ(kCapLast, CAP_LAST_CAP);
}

TEST(Caps, WhatIsNoCapabilityHasNoNumber) {
  for (const char* name : {"", "CAP_", "CHOWN", "cap_chown", "CAP_CHOWN ", "CAP_EVERYTHING"})
    EXPECT_FALSE(parse_cap(name)) << name;
}

TEST(Caps, AMaskHasABitForEach) { EXPECT_EQ(kAllCaps, 0x1ffffffffffU); }

}  // namespace
}  // namespace rkt
