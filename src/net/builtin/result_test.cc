// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/result.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::net::builtin {
namespace {

Result example() {
  return {.interfaces = {{.name = "veth0", .mac = "02:00:00:00:00:01", .sandbox = {}},
                         {.name = "eth0", .mac = "02:00:00:00:00:02", .sandbox = "/run/netns/x"}},
          .ips = {{.address = *Cidr::parse("10.98.1.2/24"), .gateway = Ip::parse("10.98.1.1"), .interface = 1},
                  {.address = *Cidr::parse("fd98:1::2/64"), .gateway = Ip::parse("fd98:1::1"), .interface = 1}},
          .routes = {{.dst = *Cidr::parse("0.0.0.0/0"), .gw = {}},
                     {.dst = *Cidr::parse("::/0"), .gw = Ip::parse("fd98:1::9")}},
          .dns = {.nameservers = {"1.1.1.1"}, .search = {"a"}, .options = {}, .domain = {}}};
}

std::string same(std::string_view json) { return json::write(json::parse(json)); }

// Recorded from ptp 1.1.1.
TEST(WriteResult, OldVersionsHaveOneAddressAFamily) {
  EXPECT_EQ(json::write(write_result(example(), "0.2.0")), same(R"({"cniVersion":"0.2.0",
    "ip4":{"ip":"10.98.1.2/24","gateway":"10.98.1.1","routes":[{"dst":"0.0.0.0/0"}]},
    "ip6":{"ip":"fd98:1::2/64","gateway":"fd98:1::1","routes":[{"dst":"::/0","gw":"fd98:1::9"}]},
    "dns":{"nameservers":["1.1.1.1"],"search":["a"]}})"));
}

TEST(WriteResult, AddressesNameTheirFamilyBeforeVersionOne) {
  const auto text = json::write(write_result(example(), "0.4.0"));
  EXPECT_NE(text.find(R"({"version":"4","interface":1,"address":"10.98.1.2/24","gateway":"10.98.1.1"})"),
            std::string::npos);
  EXPECT_EQ(json::write(write_result(example(), "1.0.0")).find("\"version\""), std::string::npos);
}

TEST(WriteResult, WithoutAnAddressThereIsNoOldForm) {
  EXPECT_THROW(write_result({}, "0.1.0"), Error);
  EXPECT_EQ(json::write(write_result({}, "1.0.0")), R"({"cniVersion":"1.0.0","dns":{}})");
}

TEST(ReadResult, ReadsWhatDelNeeds) {
  for (const char* version : {"0.3.1", "1.0.0"}) {
    const auto back = read_result(write_result(example(), version));
    EXPECT_EQ(back.interfaces.at(0).name, "veth0");
    EXPECT_EQ(back.ips.at(1).address.str(), "fd98:1::2/64");
    EXPECT_EQ(back.ips.at(1).interface, 1);
  }
}

}  // namespace
}  // namespace rkt::net::builtin
