// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/firewall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace rkt::net::builtin {
namespace {

using testing::ElementsAre;

std::string hex(const std::string& bytes) {
  return to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

// SET KEY -> DATA or CHAIN
std::vector<std::string> described(const Translation& t) {
  std::vector<std::string> out;
  for (const auto& e : plan_elements(t))
    out.push_back(cat(e.set, " ", hex(e.key), " -> ", e.chain.empty() ? hex(e.data) : e.chain));
  return out;
}

PortMapping mapping(std::string protocol, std::uint16_t host, std::uint16_t pod, std::optional<Ip> ip = std::nullopt) {
  return {.protocol = std::move(protocol), .host_port = host, .container_port = pod, .host_ip = ip};
}

Translation dual() {
  return {.owner = "uuid eth0", .addresses = {*Cidr::parse("10.0.0.2/24"), *Cidr::parse("fd00::2/64")}};
}

TEST(PlanElements, NothingToTranslateIsNothing) { EXPECT_TRUE(plan_elements(dual()).empty()); }

TEST(PlanElements, EachAddressLeadsToTheChainOfItsNetwork) {
  Translation t = dual();
  t.masquerade = true;
  EXPECT_THAT(described(t), ElementsAre("masq4 0a000002 -> masq_0a000000_24",
                                        "masq6 fd000000000000000000000000000002 -> "
                                        "masq_fd000000000000000000000000000000_64"));
  EXPECT_EQ(plan_elements(t)[0].comment, "uuid eth0");
}

TEST(PlanElements, APortOfAllAddressesIsOneElementAFamily) {
  Translation t = dual();
  t.ports = {mapping("tcp", 80, 8080)};
  EXPECT_THAT(described(t), ElementsAre("ports4 0600000000500000 -> 0a0000021f900000",
                                        "ports6 0600000000500000 -> fd0000000000000000000000000000021f900000"));
  EXPECT_TRUE(plan_elements(t)[0].exclusive);
}

TEST(PlanElements, APortOfOneAddressIsOfItsFamilyAlone) {
  Translation t = dual();
  t.ports = {mapping("udp", 53, 53, Ip::parse("192.0.2.1")), mapping("sctp", 1, 2, Ip::parse("0.0.0.0"))};
  EXPECT_THAT(described(t), ElementsAre("addr_ports4 c00002011100000000350000 -> 0a00000200350000",
                                        "ports4 8400000000010000 -> 0a00000200020000"));
}

TEST(PlanElements, ForwardedConnectionsFromTheHostAndTheNetworkAreTheHosts) {
  Translation t = dual();
  t.addresses.pop_back();
  t.ports = {mapping("tcp", 80, 80)};
  t.snat = Snat::own_network;
  t.link = "veth0";
  EXPECT_THAT(described(t),
              ElementsAre(cat("localnet ", hex("veth0"), std::string(22, '0'), " -> "),
                          "ports4 0600000000500000 -> 0a00000200500000", "snat4 0a000002 -> snat_0a000000_24"));
  t.snat = Snat::all;
  EXPECT_EQ(plan_elements(t).back().chain, "snat_all");
}

TEST(PlanTable, DependsOnTheNetworkNotOnTheNumberOfPorts) {
  Translation t = dual();
  t.ports = {mapping("tcp", 80, 80)};
  const auto one = plan_table(t).size();
  for (std::uint16_t p = 1; p < 200; ++p) t.ports.push_back(mapping("tcp", static_cast<std::uint16_t>(1000 + p), p));
  EXPECT_EQ(plan_table(t).size(), one);
}

}  // namespace
}  // namespace rkt::net::builtin
