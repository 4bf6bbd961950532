// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/address.h"

#include <gtest/gtest.h>

namespace rkt::net::builtin {
namespace {

Ip ip(std::string_view text) { return Ip::parse(text).value(); }
Cidr cidr(std::string_view text) { return Cidr::parse(text).value(); }

TEST(Ip, MappedIpv4IsIpv4) {
  EXPECT_EQ(ip("::ffff:10.1.2.3"), ip("10.1.2.3"));
  EXPECT_FALSE(ip("::ffff:10.1.2.3").v6());
}

TEST(Ip, RefusesWhatIsNone) {
  for (const char* text : {"", "10.1.2", "10.1.2.3/8", "fe80::1%eth0", "10.1.2.256", ":::"})
    EXPECT_FALSE(Ip::parse(text)) << text;
}

TEST(Ip, NextAndPreviousCarryOver) {
  EXPECT_EQ(ip("10.0.0.255").next(), ip("10.0.1.0"));
  EXPECT_EQ(ip("10.0.1.0").previous(), ip("10.0.0.255"));
  EXPECT_EQ(ip("fd00::ffff").next(), ip("fd00::1:0"));
}

TEST(Ip, NumbersAreComparedAsNumbers) { EXPECT_LT(ip("10.0.0.9"), ip("10.0.0.10")); }

TEST(Cidr, KnowsItsNetwork) {
  EXPECT_EQ(cidr("10.1.2.3/22").network().str(), "10.1.0.0/22");
  EXPECT_EQ(cidr("10.1.2.3/22").ip.broadcast(22).str(), "10.1.3.255");
  EXPECT_EQ(cidr("fd00::1:2/112").network().str(), "fd00::1:0/112");
  EXPECT_TRUE(cidr("10.0.0.0/8").contains(ip("10.255.0.1")));
  EXPECT_FALSE(cidr("10.0.0.0/8").contains(ip("11.0.0.1")));
  EXPECT_FALSE(cidr("0.0.0.0/0").contains(ip("::1")));
}

TEST(Cidr, RefusesPrefixesThatDoNotFit) {
  for (const char* text : {"10.0.0.1", "10.0.0.1/33", "::1/129", "10.0.0.1/-1", "10.0.0.1/", "x/8"})
    EXPECT_FALSE(Cidr::parse(text)) << text;
}

}  // namespace
}  // namespace rkt::net::builtin
