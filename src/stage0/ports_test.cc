// SPDX-License-Identifier: Apache-2.0
#include "stage0/ports.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::stage0 {
namespace {

appc::App app_with(std::initializer_list<std::pair<const char*, std::uint16_t>> ports, const char* protocol = "tcp") {
  appc::App app;
  for (const auto& [name, number] : ports)
    app.ports.push_back({.name = appc::AcName::parse(name), .protocol = protocol, .port = number});
  return app;
}

std::string error_of(std::initializer_list<const char*> flags, const std::vector<appc::App>& apps) {
  std::vector<appc::ExposedPort> ports;
  for (const auto* f : flags) ports.push_back(appc::ExposedPort::parse_flag(f));
  std::vector<const appc::App*> pointers;
  for (const auto& a : apps) pointers.push_back(&a);
  try {
    resolve_ports(expand_ranges(ports, pointers), pointers);
  } catch (const Error& e) {
    return e.brief();
  }
  return "";
}

TEST(Ports, APortBelongsToExactlyOneApp) {
  EXPECT_EQ(error_of({"http:80"}, {app_with({{"http", 8080}}), app_with({{"db", 5432}})}), "");
  EXPECT_EQ(error_of({"http:80"}, {app_with({{"db", 5432}})}), "port name \"http\" could not be found in any apps");
  EXPECT_EQ(error_of({"http:80"}, {app_with({{"http", 8080}}), app_with({{"http", 8081}})}),
            "port name \"http\" defined multiple apps");
}

TEST(Ports, NoTwoMeetOnTheHost) {
  const std::vector<appc::App> apps = {app_with({{"a", 1000}, {"b", 1001}})};
  EXPECT_EQ(error_of({"a:80", "b:81"}, apps), "");
  EXPECT_EQ(error_of({"a:80", "b:80"}, apps), "port tcp-0.0.0.0:80 already mapped to pod port 1000");
  EXPECT_EQ(error_of({"a:127.0.0.1:80", "b:127.0.0.2:80"}, apps), "");
  EXPECT_NE(error_of({"a:127.0.0.1:80", "b:80"}, apps), "");
}

TEST(Ports, ProtocolsDoNotMeet) {
  EXPECT_EQ(error_of({"a:53", "b:53"}, {app_with({{"a", 53}}), app_with({{"b", 53}}, "udp")}), "");
}

TEST(Ports, AddressesOfOneFamilyMeetItsWildcard) {
  const std::vector<appc::App> apps = {app_with({{"a", 1000}, {"b", 1001}})};
  EXPECT_EQ(error_of({"a:0.0.0.0:80", "b:[::]:80"}, apps), "");
  EXPECT_EQ(error_of({"a:[fd00::1]:80", "b:[fd00:0::1]:80"}, apps),
            "port tcp-[fd00::1]:80 already mapped to pod port 1000");
  EXPECT_NE(error_of({"a:[fd00::1]:80", "b:[::]:80"}, apps), "");
  EXPECT_NE(error_of({"a:[fd00::1]:80", "b:80"}, apps), "");
}

TEST(Ports, ARangeLeadsToAsManyPortsOfTheApp) {
  std::vector<appc::App> apps = {app_with({{"rtp", 7000}, {"b", 1001}})};
  EXPECT_EQ(error_of({"rtp:8000-8002"}, apps), "port \"rtp\" has 1 port, but 3 ports of the host are to lead there");
  apps[0].ports[0].count = 3;
  EXPECT_EQ(error_of({"rtp:8000-8002", "b:8003"}, apps), "");
  EXPECT_EQ(error_of({"rtp:8000-8002", "b:8002"}, apps), "port tcp-0.0.0.0:8002 already mapped to pod port 7002");
}

TEST(Ports, OnlyKnownProtocolsAreForwarded) {
  EXPECT_EQ(error_of({"a:53"}, {app_with({{"a", 53}}, "SCTP")}), "");
  EXPECT_EQ(error_of({"a:53"}, {app_with({{"a", 53}}, "dccp")}),
            "port \"a\" has protocol \"dccp\": tcp, udp and sctp can be forwarded");
}

TEST(Ports, AreWrittenAndRead) {
  const std::vector<Forward> all = {{"tcp", "", 80, 8080}, {"udp", "fd00::1", 53, 53}};
  EXPECT_EQ(write_forwards(all), "tcp * 80 8080\nudp fd00::1 53 53\n");
  EXPECT_EQ(parse_forwards(write_forwards(all) + "nonsense\n"), all);
}

TEST(Ports, OfTwoPodsMeet) {
  const std::vector<Forward> taken = {{"tcp", "10.0.0.1", 80, 1}, {"udp", "", 53, 1}};
  EXPECT_EQ(find_meeting({{"tcp", "10.0.0.2", 80, 1}, {"tcp", "", 53, 1}}, taken), std::nullopt);
  EXPECT_EQ(find_meeting({{"tcp", "", 81, 1}, {"tcp", "", 80, 1}}, taken)->str(), "tcp-0.0.0.0:80");
}

}  // namespace
}  // namespace rkt::stage0
