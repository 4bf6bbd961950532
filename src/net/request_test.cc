// SPDX-License-Identifier: Apache-2.0
#include "net/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/error_text.h"

namespace rkt::net {
namespace {

const std::vector<PortForward> kPorts = {{.protocol = "tcp", .host_ip = "", .host_port = 8080, .pod_port = 80},
                                         {.protocol = "udp", .host_ip = "10.0.0.1", .host_port = 53, .pod_port = 5353}};
constexpr const char* kMappings = R"({"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"},)"
                                  R"({"hostPort":53,"containerPort":5353,"protocol":"udp","hostIP":"10.0.0.1"}]})";

cni::NetworkConfig plain(const std::string& version = "0.4.0") {
  return cni::parse_network("{ \"cniVersion\": \"" + version + "\", \"name\": \"n\", \"type\": \"ptp\" }", false);
}

TEST(PlanSteps, HandsAPlainConfigurationOnByteForByte) {
  const auto config = plain();
  const auto steps = plan_steps(config, {});
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(plugin_input(steps[0], nullptr), config.bytes);
}

TEST(PlanSteps, AddsThePreviousResultToAPlainConfiguration) {
  const auto steps = plan_steps(plain(), {});
  const json::Value prev(json::Object{});
  EXPECT_EQ(plugin_input(steps[0], &prev), R"({"cniVersion":"0.4.0","name":"n","type":"ptp","prevResult":{}})");
}

TEST(PlanSteps, GivesEveryPluginOfAListItsNameAndVersionAndTakesCapabilitiesOut) {
  const auto list =
      cni::parse_network(R"({"cniVersion":"1.0.0","name":"l","plugins":[{"type":"bridge"},{"type":"tuning",)"
                         R"("capabilities":{"mac":true}}]})",
                         true);
  const auto steps = plan_steps(list, {});
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(plugin_input(steps[0], nullptr), R"({"type":"bridge","cniVersion":"1.0.0","name":"l"})");
  EXPECT_EQ(plugin_input(steps[1], nullptr), R"({"type":"tuning","cniVersion":"1.0.0","name":"l"})");
}

TEST(PlanSteps, PutsPortmapAtTheEndForPorts) {
  const auto steps = plan_steps(plain(), kPorts);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[1].type, "portmap");
  EXPECT_EQ(plugin_input(steps[1], nullptr),
            std::string(R"({"cniVersion":"0.4.0","name":"n","type":"portmap","snat":true,"runtimeConfig":)") +
                kMappings + "}");
}

TEST(PlanSteps, GivesPortsToAPluginThatDeclaresTheCapability) {
  const auto list =
      cni::parse_network(R"({"cniVersion":"1.0.0","name":"l","plugins":[{"type":"bridge"},{"type":"portmap",)"
                         R"("capabilities":{"portMappings":true}}]})",
                         true);
  const auto steps = plan_steps(list, kPorts);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(plugin_input(steps[1], nullptr),
            std::string(R"({"type":"portmap","cniVersion":"1.0.0","name":"l","runtimeConfig":)") + kMappings + "}");
}

TEST(PlanSteps, LeavesRuntimeConfigOutForACapabilityThatIsOff) {
  const auto list = cni::parse_network(
      R"({"cniVersion":"1.0.0","name":"l","plugins":[{"type":"portmap","capabilities":{"portMappings":false}}]})",
      true);
  const auto steps = plan_steps(list, kPorts);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].config.find("runtimeConfig"), nullptr);
}

TEST(PlanSteps, ChainsBehindAConfigurationOlderThanChains) {
  const auto steps = plan_steps(plain("0.1.0"), kPorts);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_THAT(plugin_input(steps[1], nullptr), ::testing::HasSubstr(R"("cniVersion":"0.4.0")"));
}

TEST(ChainedResult, ConvertsAnOldResult) {
  cni::Result old;
  old.ips.push_back({.ip = "10.1.2.3", .prefix = 24, .gateway = "10.1.2.1", .v6 = false});
  EXPECT_EQ(json::write(chained_result(old, "0.2.0", "eth0", "/run/netns/x")),
            R"({"cniVersion":"0.4.0","interfaces":[{"name":"eth0","sandbox":"/run/netns/x"}],)"
            R"("ips":[{"version":"4","interface":0,"address":"10.1.2.3/24","gateway":"10.1.2.1"}]})");
}

TEST(ChainedResult, HandsANewOneOnAsItIs) {
  cni::Result result;
  result.raw = json::parse(R"({"cniVersion":"1.0.0","ips":[]})");
  EXPECT_EQ(json::write(chained_result(result, "1.0.0", "eth0", "n")), R"({"cniVersion":"1.0.0","ips":[]})");
}

TEST(ForwardingNetwork, IsTheFirstThatMasqueradesElseTheLast) {
  EXPECT_EQ(forwarding_network({false, true, true}), 1U);
  EXPECT_EQ(forwarding_network({false, false}), 1U);
  EXPECT_EQ(forwarding_network({true}), 0U);
}

TEST(PlanSteps, GivesEveryPluginTheValuesOfTheCapabilitiesThatItDeclares) {
  const auto list = cni::parse_network(R"({"cniVersion":"1.0.0","name":"l","plugins":[)"
                                       R"({"type":"a","capabilities":{"mac":true}},{"type":"b","capabilities":{"mac":)"
                                       R"(true,"bandwidth":true}},{"type":"c","capabilities":{"mac":false}}]})",
                                       true);
  json::Object values;
  values.set("mac", "02:00:00:00:00:01");
  const auto steps = plan_steps(list, {}, values);
  EXPECT_EQ(plugin_input(steps[0], nullptr),
            R"({"type":"a","cniVersion":"1.0.0","name":"l","runtimeConfig":{"mac":"02:00:00:00:00:01"}})");
  EXPECT_EQ(json::write(*steps[1].config.find("runtimeConfig")), R"({"mac":"02:00:00:00:00:01"})");
  EXPECT_EQ(steps[2].config.find("runtimeConfig"), nullptr);
  values.set("aliases", json::Array{});
  EXPECT_THAT(test::error_text([&] { plan_steps(list, {}, values); }),
              ::testing::StartsWith("no plugin of the network declares the capability \"aliases\""));
}

TEST(PlanSteps, SayTheVersionThatWasChosenOutOfSeveral) {
  auto config = cni::parse_network(R"({"cniVersion":"0.4.0","cniVersions":["1.0.0"],"name":"n","type":"ptp"})", false);
  EXPECT_EQ(*plan_steps(config, {})[0].config.find("cniVersion")->as_string(), "1.0.0");
  config.cni_version = "0.4.0";
  EXPECT_THAT(plugin_input(plan_steps(config, {})[0], nullptr), ::testing::HasSubstr(R"("cniVersion":"0.4.0")"));
}

TEST(GcInput, NamesTheValidAttachmentsTwice) {
  Step step{.type = "ptp", .config = {}, .bytes = {}};
  step.config.set("name", "n");
  EXPECT_EQ(gc_input(step, {{"id", "eth0"}}),
            R"({"name":"n","cni.dev/valid-attachments":[{"containerID":"id","ifname":"eth0"}],)"
            R"("cni.dev/attachments":[{"containerID":"id","ifname":"eth0"}]})");
}

TEST(CheckFamilies, APortNeedsAnAddressOfItsFamily) {
  cni::Result v4;
  v4.ips.push_back({.ip = "10.0.0.2", .prefix = 24, .gateway = "", .v6 = false});
  check_families(kPorts, v4);
  EXPECT_EQ(test::error_text([&] { check_families({{"tcp", "fd00::1", 80, 80}}, v4); }),
            "port tcp 80 cannot be forwarded from fd00::1: the pod has no IPv6 address in this network");
  EXPECT_EQ(test::error_text([&] { check_families({{"tcp", "", 80, 80}}, {}); }),
            "port tcp 80 cannot be forwarded: the pod has no address in this network");
}

TEST(NetInfo, HoldsTheFirstIpv4AddressAndItsDottedMask) {
  cni::Result result;
  result.ips.push_back({.ip = "fd00::2", .prefix = 64, .gateway = "", .v6 = true});
  result.ips.push_back({.ip = "172.31.0.5", .prefix = 16, .gateway = "", .v6 = false});
  const auto info = net_info("n", "10-n.conf", "eth1", "A=1", "/usr/lib/cni/ptp", result);
  EXPECT_EQ(info.ip, "172.31.0.5");
  EXPECT_EQ(info.mask, "255.255.0.0");
  EXPECT_EQ(info.net_conf, "net/10-n.conf");
  EXPECT_EQ(net_info("n", "f", "eth0", "", "", {}).ip, "");
}

TEST(DottedMask, CoversBothEnds) {
  EXPECT_EQ(dotted_mask(0), "0.0.0.0");
  EXPECT_EQ(dotted_mask(25), "255.255.255.128");
  EXPECT_EQ(dotted_mask(32), "255.255.255.255");
}

}  // namespace
}  // namespace rkt::net
