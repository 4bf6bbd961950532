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
    check_ports(ports, pointers);
  } catch (const Error& e) {
    return e.brief();
  }
  return "";
}

TEST(CheckPorts, APortBelongsToExactlyOneApp) {
  EXPECT_EQ(error_of({"http:80"}, {app_with({{"http", 8080}}), app_with({{"db", 5432}})}), "");
  EXPECT_EQ(error_of({"http:80"}, {app_with({{"db", 5432}})}), "port name \"http\" could not be found in any apps");
  EXPECT_EQ(error_of({"http:80"}, {app_with({{"http", 8080}}), app_with({{"http", 8081}})}),
            "port name \"http\" defined multiple apps");
}

TEST(CheckPorts, NoTwoMeetOnTheHost) {
  const std::vector<appc::App> apps = {app_with({{"a", 1000}, {"b", 1001}})};
  EXPECT_EQ(error_of({"a:80", "b:81"}, apps), "");
  EXPECT_EQ(error_of({"a:80", "b:80"}, apps), "port tcp-0.0.0.0:80 already mapped to pod port 1000");
  EXPECT_EQ(error_of({"a:127.0.0.1:80", "b:127.0.0.2:80"}, apps), "");
  EXPECT_NE(error_of({"a:127.0.0.1:80", "b:80"}, apps), "");
}

TEST(CheckPorts, ProtocolsDoNotMeet) {
  EXPECT_EQ(error_of({"a:53", "b:53"}, {app_with({{"a", 53}}), app_with({{"b", 53}}, "udp")}), "");
}

}  // namespace
}  // namespace rkt::stage0
