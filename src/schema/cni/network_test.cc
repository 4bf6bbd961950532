// SPDX-License-Identifier: Apache-2.0
#include "schema/cni/network.h"

#include <gtest/gtest.h>

#include "tests/support/error_text.h"

namespace rkt::cni {
namespace {

using rkt::test::error_text;
using Strings = std::vector<std::string>;

std::string conf_error(const char* text, bool is_list = false) {
  return error_text([&] { parse_network(text, is_list); });
}
std::string net_error(const Strings& values) {
  return error_text([&] { NetList::parse(values); });
}

TEST(NetworkConfig, KeepsTheBytesOfAPlainFile) {
  const std::string text = R"({ "name":"n", "type":"bridge", "ipMasq":true, "x":[1] })";
  const auto n = parse_network(text, false);
  EXPECT_EQ(n.name, "n");
  EXPECT_EQ(n.cni_version, "0.1.0");
  EXPECT_EQ(n.bytes, text);
  EXPECT_TRUE(n.ip_masq);
  ASSERT_EQ(n.plugins.size(), 1U);
  EXPECT_EQ(n.plugins[0].type, "bridge");
}

TEST(NetworkConfig, ReadsTheChainOfAList) {
  const auto n = parse_network(
      R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":"ptp","ipMasq":true},{"type":"tuning","mtu":9}]})", true);
  EXPECT_EQ(n.cni_version, "1.0.0");
  ASSERT_EQ(n.plugins.size(), 2U);
  EXPECT_EQ(*n.plugins[1].config.find("mtu")->as_int(), 9);
  EXPECT_TRUE(n.ip_masq);
}

TEST(NetworkConfig, NeedsANameThatTheFlagCanSay) {
  EXPECT_EQ(conf_error(R"({"type":"ptp"})"), "the network has no name");
  for (const char* bad : {R"({"name":"a/b","type":"ptp"})", R"({"name":"..","type":"ptp"})",
                          R"({"name":"a,b","type":"ptp"})", R"({"name":"a:b","type":"ptp"})"})
    EXPECT_TRUE(conf_error(bad).ends_with("holds a character that names cannot have")) << bad;
}

TEST(NetworkConfig, APluginTypeIsAFileName) {
  EXPECT_EQ(conf_error(R"({"name":"n"})"), "the network has no plugin type");
  EXPECT_EQ(conf_error(R"({"name":"n","type":"../../bin/sh"})"), "plugin type \"../../bin/sh\" is not a file name");
  EXPECT_EQ(conf_error(R"({"name":"n","plugins":[{"type":"a"},{"type":".."}]})", true),
            "plugins[1]: plugin type \"..\" is not a file name");
  EXPECT_EQ(conf_error(R"({"name":"n","plugins":[1]})", true), "plugins[0]: expected object, got number");
  EXPECT_EQ(conf_error(R"({"name":"n","plugins":[]})", true), "the network list has no plugins");
}

TEST(Result, ReadsTheOldForm) {
  const auto r = parse_result(R"({"ip4":{"ip":"10.1.2.3/24","gateway":"10.1.2.1"},"ip6":{"ip":"fd00::2/64"},)"
                              R"("dns":{"nameservers":["8.8.8.8"]}})",
                              "n");
  ASSERT_EQ(r.ips.size(), 2U);
  EXPECT_EQ(r.ips[0].ip, "10.1.2.3");
  EXPECT_EQ(r.ips[0].prefix, 24);
  EXPECT_EQ(r.ips[0].gateway, "10.1.2.1");
  EXPECT_TRUE(r.ips[1].v6);
  EXPECT_EQ(r.dns.nameservers, Strings{"8.8.8.8"});
}

TEST(Result, ReadsTheFormSince030) {
  const auto r = parse_result(
      R"({"cniVersion":"1.0.0","interfaces":[{"name":"eth0"}],"ips":[{"address":"10.0.0.2/16"}],"dns":{"domain":"d"}})",
      "n");
  ASSERT_EQ(r.ips.size(), 1U);
  EXPECT_EQ(r.ips[0].prefix, 16);
  EXPECT_FALSE(r.dns.empty());
  EXPECT_NE(r.raw.as_object(), nullptr);
}

TEST(Result, MayBeNothing) { EXPECT_TRUE(parse_result(" \n", "n").ips.empty()); }

TEST(Result, ErrorsNameTheNetwork) {
  const auto tree = [](const char* text) -> std::string {
    try {
      parse_result(text, "n");
    } catch (const Error& e) {
      return e.tree();
    }
    return "";
  };
  EXPECT_NE(tree(R"({"ips":[{"address":"ten"}]})").find("error parsing \"n\" result"), std::string::npos);
  EXPECT_NE(tree(R"({"ips":[{"address":"ten"}]})").find("ips[0].address: \"ten\" is not an IP address"),
            std::string::npos);
  EXPECT_NE(tree(R"({"ip4":{"ip":"10.0.0.1/33"}})").find("ip4.ip: \"10.0.0.1/33\" has no valid prefix length"),
            std::string::npos);
}

TEST(PluginError, IsMessageAndDetails) {
  const auto full = parse_error(R"({"code":11,"msg":"no address","details":"pool is full"})");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->code, PluginError::kTryLater);
  EXPECT_EQ(full->text, "no address; pool is full");
  EXPECT_EQ(parse_error(R"({"msg":"no address"})")->text, "no address");
  EXPECT_FALSE(parse_error(R"({"ips":[]})"));
  EXPECT_FALSE(parse_error("panic: oops"));
}

TEST(NetworkConfig, SpeaksTheVersionsThatItAndWeKnow) {
  const auto versions = [](const char* text) { return parse_network(text, false).versions; };
  EXPECT_EQ(versions(R"({"name":"n","type":"t"})"), Strings{"0.1.0"});
  EXPECT_EQ(versions(R"({"cniVersion":"0.3.1","name":"n","type":"t"})"), Strings{"0.3.1"});
  EXPECT_EQ(versions(R"({"cniVersion":"0.4.0","cniVersions":["1.1.0","9.0.0","0.4.0","1.0.0"],"name":"n","type":"t"})"),
            (Strings{"1.1.0", "1.0.0", "0.4.0"}));
  EXPECT_EQ(conf_error(R"({"cniVersion":"9.0.0","name":"n","type":"t"})"),
            "the network needs version 9.0.0 of CNI, and 1.1.0 is spoken here");
  EXPECT_EQ(conf_error(R"({"cniVersion":"new","name":"n","type":"t"})"), "cniVersion: \"new\" is no version of CNI");
}

TEST(NetworkConfig, SwitchesAreBooleansOrTheirNames) {
  const auto n = parse_network(R"({"name":"n","type":"t","disableCheck":"TRUE","disableGC":true})", false);
  EXPECT_TRUE(n.disable_check);
  EXPECT_TRUE(n.disable_gc);
  EXPECT_EQ(conf_error(R"({"name":"n","type":"t","disableGC":"yes"})"), "disableGC: expected true or false");
}

TEST(NetworkConfig, AListMayHaveItsPluginsBesideIt) {
  const std::vector<std::string> beside = {R"({"type":"b"})"};
  EXPECT_EQ(parse_network(R"({"name":"n"})", true, beside).plugins.at(0).type, "b");
  EXPECT_EQ(parse_network(R"({"name":"n","plugins":[{"type":"a"}]})", true, beside).plugins.size(), 2U);
  EXPECT_EQ(conf_error(R"({"name":"n","loadOnlyInlinedPlugins":true})", true),
            "loadOnlyInlinedPlugins without plugins");
  EXPECT_EQ(conf_error(R"({"name":"n"})", true), "the network list has no plugins");
}

TEST(PluginVersions, AreThoseItSupports) {
  EXPECT_EQ(parse_versions(R"({"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]})"),
            (Strings{"0.4.0", "1.0.0"}));
}

TEST(NetFlag, MergesItemsAndOccurrences) {
  const auto list = NetList::parse({"a,b:IP=1.2.3.4;X=y", "c"});
  EXPECT_EQ(list.str(), "a,b:IP=1.2.3.4;X=y,c");
  EXPECT_TRUE(list.has("c"));
  EXPECT_TRUE(list.contained());
}

TEST(NetFlag, HostWinsOverOthersAndNoneIsContained) {
  EXPECT_FALSE(NetList::parse({"a,host"}).contained());
  EXPECT_TRUE(NetList::parse({"none"}).contained());
  EXPECT_TRUE(NetList::parse({"none"}).none());
  EXPECT_FALSE(NetList::parse({}).contained());
}

TEST(NetFlag, RefusesWithTheTextsOfTheReference) {
  EXPECT_EQ(net_error({"a,,b"}), "netname must not be empty");
  EXPECT_EQ(net_error({":x"}), "netname must not be empty");
  EXPECT_EQ(net_error({"a", "a"}), "found duplicate netname \"a\"");
  EXPECT_EQ(net_error({"all:x"}), "arguments are not supported by special netname \"all\"");
  EXPECT_EQ(net_error({"host:x"}), "arguments are not supported by special netname \"host\"");
  EXPECT_EQ(NetList::parse({"a:IP=fd00::1;MAC=02:00:00:00:00:01"}).networks[0].args,
            "IP=fd00::1;MAC=02:00:00:00:00:01");
  EXPECT_EQ(net_error({"a:b:c"}), "network \"a\" provided with invalid arguments: [b c]");
}

TEST(NetInfo, IsWrittenInTheOrderOfTheReference) {
  const std::string text = R"([{"netName":"n","netConf":"net/10-n.conf","pluginPath":"/p","ifName":"eth0",)"
                           R"("ip":"10.0.0.2","args":"","mask":"255.255.0.0"}])";
  EXPECT_EQ(write_net_info(parse_net_info(text)), text);
  EXPECT_EQ(write_net_info({}), "null");
  EXPECT_TRUE(parse_net_info("null").empty());
  EXPECT_EQ(error_text([] { parse_net_info(R"([{"ip":4}])"); }), "net-info[0].ip: expected string, got number");
}

}  // namespace
}  // namespace rkt::cni
