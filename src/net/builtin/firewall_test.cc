// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/firewall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <thread>

#include "base/error.h"
#include "base/strings.h"
#include "sys/digest.h"

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

TEST(AddTranslation, APortThatAnotherPodHasOnAllAddressesLeavesNothingOfTheSecond) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  std::thread([] {  // in a network namespace of its own
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    if (!can_translate()) return;
    Translation first{
        .owner = "first eth0", .addresses = {*Cidr::parse("10.0.0.2/24")}, .ports = {mapping("tcp", 80, 80)}};
    Translation second{.owner = "second eth0",
                       .addresses = {*Cidr::parse("10.0.0.3/24")},
                       .ports = {mapping("tcp", 81, 81), mapping("tcp", 80, 80, Ip::parse("192.0.2.1"))}};
    add_translation(first);
    EXPECT_THROW(add_translation(second), Error);
    EXPECT_TRUE(has_translation(first));
    for (const auto& port : second.ports) {
      Translation one = second;
      one.ports = {port};
      EXPECT_FALSE(has_translation(one)) << port.host_port;
    }
  })
      .join();
}

std::string rules_of(const Translation& t) {
  std::string all;
  for (const auto& message : plan_table(t)) all += message.bytes(0);
  return all;
}

// What it makes of rules is to be counted in kRules of firewall.cc: a table of before is found by that.
TEST(PlanTable, HasTheRulesOfItsNumber) {
  EXPECT_TRUE(rules_of({}).contains("rules_2"));
  EXPECT_EQ(sha256_hex(rules_of({})), "db5e682523f03d4ae87d4abb12fed320e8d3c344b734a7109c62813862f7e7f9")
      << "rules changed: another number in kRules, and this digest here";
  Translation t = dual();
  t.masquerade = true;
  t.snat = Snat::own_network;
  EXPECT_EQ(sha256_hex(rules_of(t)), "643fc32aefe7010a1fa3f8a836832a78807431fcf8a394d16a28b6c9f6531358")
      << "chains of networks changed: other names for them, and this digest here";
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
