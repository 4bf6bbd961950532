// SPDX-License-Identifier: Apache-2.0
#include "net/leftovers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rkt::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Recorded from iptables -S after ptp and portmap.
constexpr const char* kListing =
    "-P PREROUTING ACCEPT\n"
    "-N CNI-DN-aaaa\n"
    "-N CNI-HOSTPORT-DNAT\n"
    "-N CNI-bbbb\n"
    "-A POSTROUTING -s 172.16.28.2/32 -m comment --comment \"name: \\\"default\\\" id: \\\"me\\\"\" -j CNI-bbbb\n"
    "-A POSTROUTING -s 172.16.28.3/32 -m comment --comment \"name: \\\"default\\\" id: \\\"other\\\"\" -j CNI-cccc\n"
    "-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment \"dnat name: \\\"default\\\" id: \\\"me\\\"\" -m multiport "
    "--dports 80 -j CNI-DN-aaaa\n"
    "-A CNI-bbbb -d 172.16.28.0/24 -m comment --comment \"name: \\\"default\\\" id: \\\"me\\\"\" -j ACCEPT\n"
    "-A CNI-DN-aaaa -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.16.28.2:80\n";

TEST(SplitRule, KeepsAQuotedCommentAsOneWord) {
  EXPECT_THAT(split_rule(R"(-A X --comment "name: \"a b\" id: \"1\"" -j Y)"),
              ElementsAre("-A", "X", "--comment", R"(name: "a b" id: "1")", "-j", "Y"));
  EXPECT_THAT(split_rule("a  \"\" b"), ElementsAre("a", "", "b"));
  EXPECT_THAT(split_rule(""), IsEmpty());
}

TEST(PlanRuleRemoval, RemovesJumpsThenTheChainsOfThisContainerOnly) {
  const auto plan = plan_rule_removal(kListing, "me");
  ASSERT_EQ(plan.size(), 7U);
  EXPECT_THAT(plan[0], ElementsAre("-D", "POSTROUTING", "-s", "172.16.28.2/32", "-m", "comment", "--comment",
                                   "name: \"default\" id: \"me\"", "-j", "CNI-bbbb"));
  EXPECT_EQ(plan[1][1], "CNI-HOSTPORT-DNAT");
  EXPECT_THAT(plan[3], ElementsAre("-F", "CNI-bbbb"));
  EXPECT_THAT(plan[4], ElementsAre("-F", "CNI-DN-aaaa"));
  EXPECT_THAT(plan[5], ElementsAre("-X", "CNI-bbbb"));
  EXPECT_THAT(plan[6], ElementsAre("-X", "CNI-DN-aaaa"));
}

TEST(PlanRuleRemoval, DoesNothingForAnIdThatIsOnlyAPartOfAnother) {
  EXPECT_THAT(plan_rule_removal(kListing, "m"), IsEmpty());
  EXPECT_THAT(plan_rule_removal(kListing, "the"), IsEmpty());
}

}  // namespace
}  // namespace rkt::net
