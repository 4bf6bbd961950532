// SPDX-License-Identifier: Apache-2.0
#include "sys/digest.h"

#include <gtest/gtest.h>

namespace rkt {
namespace {

TEST(Digest, KnownAnswers) {  // FIPS 180-4, "abc"
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha512_hex("abc").substr(0, 32), "ddaf35a193617abacc417349ae204131");
}

}  // namespace
}  // namespace rkt
