// SPDX-License-Identifier: Apache-2.0
#include "base/uuid.h"

#include <gtest/gtest.h>

namespace rkt {
namespace {

TEST(Uuid, RandomBytesBecomeAVersion4Uuid) {
  std::array<std::uint8_t, 16> ff;
  ff.fill(0xff);
  EXPECT_EQ(Uuid::from_random(ff).str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

TEST(Uuid, ParsesAnyCaseAndDashes) {
  const auto u = Uuid::parse("FFFFFFFF-ffff-4fffbfffffffffffffff");
  ASSERT_TRUE(u);
  EXPECT_EQ(u->str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  EXPECT_EQ(u->plain(), "ffffffffffff4fffbfffffffffffffff");
}

TEST(Uuid, RefusesOtherText) {
  EXPECT_FALSE(Uuid::parse(""));
  EXPECT_FALSE(Uuid::parse("ffffffff-ffff-4fff-bfff-fffffffffff"));
  EXPECT_FALSE(Uuid::parse("gfffffff-ffff-4fff-bfff-ffffffffffff"));
}

}  // namespace
}  // namespace rkt
