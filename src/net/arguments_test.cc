// SPDX-License-Identifier: Apache-2.0
#include "net/arguments.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/error_text.h"

namespace rkt::net {
namespace {

std::string values(const char* args) { return json::write(json::Value(parse_arguments(args).values)); }

TEST(Arguments, OfNoCapabilityAreForCniArgs) {
  const auto a = parse_arguments("IP=10.1.2.3;mac=02:00:00:00:00:01;MAC=x;Ips=1;lone");
  EXPECT_EQ(a.cni_args, "IP=10.1.2.3;MAC=x;Ips=1;lone");
  EXPECT_EQ(json::write(json::Value(a.values)), R"({"mac":"02:00:00:00:00:01"})");
}

TEST(Arguments, MayRepeatWhatIsAList) {
  EXPECT_EQ(values("ips=10.0.0.2/24;ips=fd00::2;aliases=a"), R"({"ips":["10.0.0.2/24","fd00::2"],"aliases":["a"]})");
  EXPECT_EQ(values("ipRanges=10.0.0.0/24;ipRanges=fd00::/64"),
            R"({"ipRanges":[[{"subnet":"10.0.0.0/24"}],[{"subnet":"fd00::/64"}]]})");
}

TEST(Arguments, OfOneCapabilityAreMembersOfItsValue) {
  EXPECT_EQ(values("bandwidth.ingressRate=1000;dns.servers=10.0.0.1;dns.servers=::1;bandwidth.ingressBurst=9"),
            R"({"bandwidth":{"ingressRate":1000,"ingressBurst":9},"dns":{"servers":["10.0.0.1","::1"]}})");
}

TEST(Arguments, ThatCannotBeAreRefused) {
  const auto why = [](const char* args) { return test::error_text([&] { parse_arguments(args); }); };
  EXPECT_EQ(why("bandwidth.egressRate=fast"), "network argument bandwidth.egressRate=fast: expected a number");
  EXPECT_EQ(why("mac=a;mac=b"), "network argument mac is given twice");
  EXPECT_EQ(why("ips="), "network argument ips has no value");
}

}  // namespace
}  // namespace rkt::net
