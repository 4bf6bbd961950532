// SPDX-License-Identifier: Apache-2.0
#include "image/insecure.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::image {
namespace {

// One letter a check that is off: image tls http pubkey ondisk, Capabilities Paths Seccomp.
std::string off(std::string_view text) {
  const Insecure i = Insecure::parse(text);
  std::string out;
  if (i.image) out += 'i';
  if (i.tls) out += 't';
  if (i.http) out += 'h';
  if (i.pubkey) out += 'p';
  if (i.ondisk) out += 'o';
  if (i.capabilities) out += 'C';
  if (i.paths) out += 'P';
  if (i.seccomp) out += 'S';
  return out;
}

std::string complaint(std::string_view text) {
  try {
    Insecure::parse(text);
  } catch (const Error& e) {
    return e.brief();
  }
  return "";
}

TEST(InsecureOptions, TurnNothingOffWhenEmptyOrNone) {
  EXPECT_EQ(off(""), "");
  EXPECT_EQ(off("none"), "");
}

TEST(InsecureOptions, TurnOffExactlyWhatTheyName) {
  EXPECT_EQ(off("image"), "i");
  EXPECT_EQ(off("tls"), "t");
  EXPECT_EQ(off("http"), "h");
  EXPECT_EQ(off("pubkey"), "p");
  EXPECT_EQ(off("ondisk"), "o");
  EXPECT_EQ(off("capabilities"), "C");
  EXPECT_EQ(off("paths"), "P");
  EXPECT_EQ(off("seccomp"), "S");
}

TEST(InsecureOptions, HaveGroups) {
  EXPECT_EQ(off("all-fetch"), "ithp");
  EXPECT_EQ(off("all-run"), "CPS");
  EXPECT_EQ(off("all"), "ithpoCPS");
  EXPECT_EQ(off("all-run,tls"), "tCPS");
}

TEST(InsecureOptions, MixWithNoneAndIgnoreCase) { EXPECT_EQ(off("none,IMAGE,Tls"), "it"); }

// Every one of the 256 combinations.
TEST(InsecureOptions, HaveAWarningForEachCheckThatIsOff) {
  const std::vector<std::string> names = {"image", "tls",     "http",   "capabilities",
                                          "paths", "seccomp", "pubkey", "ondisk"};
  EXPECT_TRUE(fetch_warnings({}).empty() && tree_warnings({}).empty() && run_warnings({}).empty());
  for (unsigned set = 0; set < 256; ++set) {
    std::string list = "none";
    std::size_t fetch = 0, run = 0;
    for (unsigned i = 0; i < names.size(); ++i) {
      if ((set >> i & 1) == 0) continue;
      list += "," + names[i];
      fetch += i < 3 || (i == 6 && (set & 6) != 0) ? 1 : 0;  // keys come as other things do
      run += i >= 3 && i < 6 ? 1 : 0;
    }
    EXPECT_EQ(fetch_warnings(Insecure::parse(list)).size(), fetch) << list;
    EXPECT_EQ(run_warnings(Insecure::parse(list)).size(), run) << list;
    EXPECT_EQ(tree_warnings(Insecure::parse(list)).size(), set >> 7) << list;
  }
}

TEST(InsecureOptions, RefuseUnknownAndRepeatedOnes) {
  EXPECT_EQ(complaint("x"), "unknown option \"x\"");
  EXPECT_EQ(complaint("tls,TLS"), "duplicated option \"tls\"");
  EXPECT_EQ(complaint("image,"), "unknown option \"\"");
  EXPECT_EQ(complaint(" tls"), "unknown option \" tls\"");
}

}  // namespace
}  // namespace rkt::image
