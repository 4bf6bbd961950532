// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/links.h"

#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

namespace rkt::net::builtin {
namespace {

// A message as the kernel would read it.
netlink::Reply as_read(const netlink::Message& m) {
  return {.type = m.type(), .payload = m.bytes(1).substr(sizeof(nlmsghdr))};
}

Lease lease(std::string_view address, std::string_view gateway) {
  return {.address = *Cidr::parse(address), .gateway = *Ip::parse(gateway)};
}

struct Seen {
  int prefix = 0, scope = 0;
  std::string dst, gw, source;
  bool operator==(const Seen&) const = default;
};

std::string address_text(std::optional<std::string_view> bytes) {
  return bytes ? Ip::from_bytes(*bytes)->str() : std::string();
}

Seen read_route(const netlink::Message& m) {
  const auto reply = as_read(m);
  const auto body = reply.body<rtmsg>();
  const auto a = reply.attributes(sizeof(rtmsg));
  return {.prefix = body.rtm_dst_len,
          .scope = body.rtm_scope,
          .dst = address_text(a.find(RTA_DST)),
          .gw = address_text(a.find(RTA_GATEWAY)),
          .source = address_text(a.find(RTA_PREFSRC))};
}

TEST(PlanPtpRoutes, EverythingGoesThroughTheGateway) {
  const auto plan = plan_ptp_routes(7, {lease("10.0.0.2/24", "10.0.0.1"), lease("fd00::2/64", "fd00::1")},
                                    {{.dst = *Cidr::parse("::/0"), .gw = {}}});
  ASSERT_EQ(plan.size(), 5U);
  EXPECT_EQ(read_route(plan[0]), (Seen{32, RT_SCOPE_LINK, "10.0.0.1", "", "10.0.0.2"}));
  EXPECT_EQ(read_route(plan[1]), (Seen{24, RT_SCOPE_UNIVERSE, "10.0.0.0", "10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(read_route(plan[2]), (Seen{128, RT_SCOPE_LINK, "fd00::1", "", "fd00::2"}));
  EXPECT_EQ(read_route(plan[4]), (Seen{0, RT_SCOPE_UNIVERSE, "", "fd00::1", ""}));
}

TEST(GatewayFor, IsTheRoutesOwnElseTheFirstOfItsFamily) {
  const std::vector<Lease> leases{lease("10.0.0.2/24", "10.0.0.1")};
  EXPECT_EQ(gateway_for({.dst = *Cidr::parse("0.0.0.0/0"), .gw = {}}, leases)->str(), "10.0.0.1");
  EXPECT_EQ(gateway_for({.dst = *Cidr::parse("0.0.0.0/0"), .gw = Ip::parse("10.0.0.9")}, leases)->str(), "10.0.0.9");
  EXPECT_FALSE(gateway_for({.dst = *Cidr::parse("::/0"), .gw = {}}, leases));
}

TEST(PlanAddress, LeasedAddressesNeedNoDuplicateDetection) {
  const auto v6 = as_read(plan_address(3, *Cidr::parse("fd00::2/64"), PrefixRoute::yes));
  EXPECT_EQ(v6.body<ifaddrmsg>().ifa_prefixlen, 64);
  EXPECT_EQ(v6.attributes(sizeof(ifaddrmsg)).u32(IFA_FLAGS), std::uint32_t{IFA_F_NODAD});
  const auto reply = as_read(plan_address(3, *Cidr::parse("10.0.0.2/24"), PrefixRoute::no));
  const auto v4 = reply.attributes(sizeof(ifaddrmsg));
  EXPECT_EQ(v4.u32(IFA_FLAGS), std::uint32_t{IFA_F_NOPREFIXROUTE});
  EXPECT_EQ(address_text(v4.find(IFA_BROADCAST)), "10.0.0.255");
}

TEST(PlanPair, BothEndsGetTheMtu) {
  const auto reply = as_read(plan_pair("eth0", "veth1", 5, 1400));
  const auto a = reply.attributes(sizeof(ifinfomsg));
  EXPECT_EQ(a.text(IFLA_IFNAME), "eth0");
  EXPECT_EQ(a.u32(IFLA_MTU), 1400U);
  const netlink::Attributes info(*a.find(IFLA_LINKINFO));
  EXPECT_EQ(info.text(IFLA_INFO_KIND), "veth");
  const netlink::Attributes data(*info.find(IFLA_INFO_DATA));
  const netlink::Attributes peer(data.all().at(0).second.substr(sizeof(ifinfomsg)));
  EXPECT_EQ(peer.text(IFLA_IFNAME), "veth1");
  EXPECT_EQ(peer.u32(IFLA_NET_NS_FD), 5U);
  EXPECT_EQ(peer.u32(IFLA_MTU), 1400U);
}

}  // namespace
}  // namespace rkt::net::builtin
