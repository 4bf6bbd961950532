// SPDX-License-Identifier: Apache-2.0
#include "base/escapes.h"

#include <gtest/gtest.h>

namespace rkt {
namespace {

TEST(PercentEncode, LeavesWhatUrlsTakeAsItIs) {
  EXPECT_EQ(percent_encode("a b:/&~"), "a%20b%3A%2F%26~");
  EXPECT_EQ(percent_encode("/a b\xff", "/"), "/a%20b%FF");
}

TEST(PercentDecode, UndoesItAndRefusesWhatIsMalformed) {
  EXPECT_EQ(percent_decode("a%20b%2f%FF"), "a b/\xff");
  EXPECT_EQ(percent_decode(""), "");
  for (const char* bad : {"%", "%2", "a%zz", "%-1", "x%4"}) EXPECT_EQ(percent_decode(bad), std::nullopt) << bad;
}

TEST(OctalDecode, IsThatOfMountTables) {
  EXPECT_EQ(octal_decode("/a\\040b\\134c"), "/a b\\c");
  EXPECT_EQ(octal_decode("\\04 \\999 \\"), "\\04 \\999 \\");
  EXPECT_EQ(octal_decode("\\777"), "\\777");
}

TEST(HexOf, IsLowerCase) { EXPECT_EQ(hex_of("\x01\xab"), "01ab"); }

}  // namespace
}  // namespace rkt
