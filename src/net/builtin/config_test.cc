// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::net::builtin {
namespace {

json::Object plugin_object(std::string_view text) { return *json::parse(text).as_object(); }

std::expected<Network, std::string> parsed(const std::vector<std::string_view>& chain,
                                           const std::string& version = "0.4.0", const std::string& args = "") {
  std::vector<json::Object> objects;
  for (const auto text : chain) objects.push_back(plugin_object(text));
  return parse_network(objects, "n", version, args);
}

std::string complaint(std::string_view ipam) {
  try {
    (void)parsed({cat(R"({"type":"ptp","ipam":{"type":"host-local",)", ipam, "}}")});
    return "none";
  } catch (const Error& e) {
    return std::string(e.cause());
  }
}

constexpr const char* kPtp =
    R"({"type":"ptp","ipMasq":true,"mtu":1400,"ipam":{"type":"host-local","subnet":"10.1.0.0/24"}})";

TEST(ParseNetwork, TakesPtpWithDefaultsOfHostLocal) {
  const auto n = parsed({kPtp}).value();
  EXPECT_EQ(n.kind, Kind::ptp);
  EXPECT_TRUE(n.masquerade);
  EXPECT_EQ(n.mtu, 1400);
  EXPECT_EQ(n.ipam.data_dir, "/var/lib/cni/networks/n");
  const Range& r = n.ipam.ranges.at(0).at(0);
  EXPECT_EQ(r.start.str(), "10.1.0.1");
  EXPECT_EQ(r.end.str(), "10.1.0.254");
  EXPECT_EQ(r.gateway.str(), "10.1.0.1");
}

TEST(ParseNetwork, ADefaultGatewayIsAGateway) {
  const auto n =
      parsed({R"({"type":"bridge","isDefaultGateway":true,"ipam":{"type":"host-local","subnet":"10.1.0.0/24"}})"});
  EXPECT_TRUE(n->gateway);
  EXPECT_EQ(n->bridge, "cni0");
}

TEST(ParseNetwork, PortsComeFromRuntimeConfig) {
  const auto n = parsed({kPtp, R"({"type":"portmap","runtimeConfig":{"portMappings":[
      {"hostPort":80,"containerPort":8080,"protocol":"TCP","hostIP":"::1"},
      {"hostPort":53,"containerPort":53,"protocol":"udp"}]}})"});
  ASSERT_EQ(n->ports.size(), 2U);
  EXPECT_EQ(n->ports[0].protocol, "tcp");
  EXPECT_EQ(n->ports[0].host_ip->str(), "::1");
  EXPECT_FALSE(n->ports[1].host_ip);
  EXPECT_TRUE(n->snat);
}

TEST(ParseNetwork, WhatItDoesNotKnowIsForOthers) {
  EXPECT_EQ(parsed({R"({"type":"macvlan"})"}).error(), "plugin \"macvlan\"");
  EXPECT_EQ(parsed({R"({"type":"ptp","ipam":{"type":"dhcp"}})"}).error(), "address plugin \"dhcp\"");
  EXPECT_EQ(parsed({R"({"type":"ptp"})"}).error(), "no address plugin");
  EXPECT_EQ(parsed({R"({"type":"ptp","new":1})"}).error(), "key \"new\" of ptp");
  EXPECT_EQ(parsed({kPtp, R"({"type":"bandwidth"})"}).error(), "plugin \"bandwidth\" in a chain");
  EXPECT_EQ(parsed({kPtp, R"({"type":"portmap","conditionsV4":[]})"}).error(), "key \"conditionsV4\" of portmap");
  EXPECT_EQ(parsed({kPtp}, "9.0.0").error(), "CNI version \"9.0.0\"");
  EXPECT_EQ(parsed({kPtp}, "0.4.0", "MAC=02:00:00:00:00:01").error(), "CNI_ARGS MAC");
}

TEST(ParseNetwork, ArgumentsForOthersArePassedOver) {
  const auto n = parsed({kPtp}, "0.4.0", "K8S_POD_NAME=x;IP=10.1.0.9/24;IgnoreUnknown=1");
  ASSERT_EQ(n->ipam.requested.size(), 1U);
  EXPECT_EQ(n->ipam.requested[0].str(), "10.1.0.9");
}

TEST(ParseNetwork, RefusesRangesWithTheTextsOfHostLocal) {
  EXPECT_EQ(complaint(R"("subnet":"10.1.0.1/24")"),
            "Network has host bits set. For a subnet mask of length 24 the network address is 10.1.0.0");
  EXPECT_EQ(complaint(R"("subnet":"10.1.0.0/31")"), "Network 10.1.0.0/31 too small to allocate from");
  EXPECT_EQ(complaint(R"("subnet":"10.1.0.0/24","rangeStart":"10.2.0.1")"),
            "RangeStart 10.2.0.1 not in network 10.1.0.0/24");
  EXPECT_EQ(complaint(R"("routes":[])"), "no IP ranges specified");
  EXPECT_THAT(complaint(R"("ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"10.1.0.0/25"}]])"),
              testing::HasSubstr("overlaps"));
  EXPECT_EQ(complaint(R"("subnet":"10.1.0.0/24","gateway":"x")"), "ptp.ipam.gateway: invalid IP address: x");
}

TEST(ParseNetwork, OldVersionsKnowOneAddressAFamily) {
  constexpr const char* kTwo = R"({"type":"ptp","ipam":{"type":"host-local",
      "ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"10.2.0.0/24"}]]}})";
  EXPECT_THROW((void)parsed({kTwo}, "0.2.0"), Error);
}

}  // namespace
}  // namespace rkt::net::builtin
