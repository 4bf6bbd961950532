// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::net::builtin {
namespace {

using testing::ElementsAre;

Ip lease_ip(std::string_view text) { return Ip::parse(text).value(); }

Range range(std::string_view subnet, std::string_view start, std::string_view end, std::string_view gateway) {
  return {.subnet = *Cidr::parse(subnet), .start = lease_ip(start), .end = lease_ip(end), .gateway = lease_ip(gateway)};
}

const Range kFour = range("10.0.0.0/24", "10.0.0.1", "10.0.0.4", "10.0.0.1");

// The order in which addresses are tried.
std::vector<std::string> order(const RangeSet& set, const char* last) {
  std::vector<std::string> out;
  (void)search(set, last != nullptr ? std::optional(lease_ip(last)) : std::nullopt, [&](const Ip& ip) {
    out.push_back(ip.str());
    return false;
  });
  return out;
}

TEST(Search, GoesRoundFromTheLastOneAndSkipsTheGateway) {
  EXPECT_THAT(order({kFour}, nullptr), ElementsAre("10.0.0.2", "10.0.0.3", "10.0.0.4"));
  EXPECT_THAT(order({kFour}, "10.0.0.3"), ElementsAre("10.0.0.4", "10.0.0.2", "10.0.0.3"));
  EXPECT_THAT(order({kFour}, "10.9.9.9"), ElementsAre("10.0.0.2", "10.0.0.3", "10.0.0.4"));
}

TEST(Search, GoesOnInTheNextRange) {
  const RangeSet two{kFour, range("10.1.0.0/24", "10.1.0.7", "10.1.0.8", "10.1.0.1")};
  EXPECT_THAT(order(two, "10.0.0.4"), ElementsAre("10.1.0.7", "10.1.0.8", "10.0.0.2", "10.0.0.3", "10.0.0.4"));
}

class Leases : public testing::Test {
 protected:
  Ipam ipam(std::vector<Ip> requested = {}) {
    return {.data_dir = cat(dir_.path(), "/n"), .ranges = {{kFour}}, .routes = {}, .requested = std::move(requested)};
  }
  std::string text(const std::string& name) { return read_file(cat(dir_.path(), "/n/", name)); }
  std::string fault(std::vector<Ip> requested) {
    try {
      allocate(ipam(std::move(requested)), {"c", "eth0"});
      return "none";
    } catch (const Error& e) {
      return e.brief();
    }
  }
  TempDir dir_;
};

TEST_F(Leases, AreFilesOfHostLocal) {
  const auto lease = allocate(ipam(), {"pod", "eth0"}).at(0);
  EXPECT_EQ(lease.address.str(), "10.0.0.2/24");
  EXPECT_EQ(lease.gateway.str(), "10.0.0.1");
  EXPECT_EQ(text("10.0.0.2"), "pod\r\neth0");
  EXPECT_EQ(text("last_reserved_ip.0"), "10.0.0.2");
}

TEST_F(Leases, AreGivenBackByTheirOwnerAlone) {
  allocate(ipam(), {"pod", "eth0"});
  allocate(ipam(), {"other", "eth0"});
  release(ipam().data_dir, {"pod", "eth0"}, {lease_ip("10.0.0.2"), lease_ip("10.0.0.3")});
  EXPECT_THAT(find_leases(ipam().data_dir, {"pod", ""}), ElementsAre());
  EXPECT_THAT(find_leases(ipam().data_dir, {"other", ""}), ElementsAre(lease_ip("10.0.0.3")));
  release(ipam().data_dir, {"other", ""}, {});
  EXPECT_EQ(allocate(ipam(), {"x", "eth0"}).at(0).address.ip.str(), "10.0.0.4");
}

TEST_F(Leases, AnExhaustedSetSaysWhichItIs) {
  for (int i = 0; i < 3; ++i) allocate(ipam(), {"c", "eth0"});
  EXPECT_THAT(fault({}), testing::HasSubstr("no IP addresses available in range set: 10.0.0.1-10.0.0.4"));
}

TEST_F(Leases, ARequestedAddressMustBeFreeAndNotTheGateway) {
  EXPECT_EQ(allocate(ipam({lease_ip("10.0.0.4")}), {"c", "eth0"}).at(0).address.ip.str(), "10.0.0.4");
  EXPECT_THAT(fault({lease_ip("10.0.0.4")}),
              testing::HasSubstr("10.0.0.4 is not available in range set 10.0.0.1-10.0.0.4"));
  EXPECT_THAT(fault({lease_ip("10.0.0.1")}), testing::HasSubstr("requested ip 10.0.0.1 is subnet's gateway"));
  EXPECT_THAT(fault({lease_ip("10.9.0.1")}), testing::HasSubstr("failed to allocate all requested IPs: 10.9.0.1"));
  EXPECT_THAT(find_leases(ipam().data_dir, {"c", ""}), ElementsAre(lease_ip("10.0.0.4")));
}

TEST_F(Leases, AnEmptyFileOfAKilledPluginIsNobodys) {
  allocate(ipam(), {"c", "eth0"});
  write_file(DirFd::open(ipam().data_dir), "10.0.0.3", "", 0644);
  EXPECT_EQ(allocate(ipam(), {"c", "eth0"}).at(0).address.ip.str(), "10.0.0.3");
}

TEST_F(Leases, AClaimOfAKilledOneIsNotWrittenTo) {
  allocate(ipam(), {"killed", "eth0"});
  const std::string dir = ipam().data_dir;
  ASSERT_EQ(::link(cat(dir, "/10.0.0.2").c_str(), cat(dir, "/.claim").c_str()), 0);
  allocate(ipam(), {"c", "eth0"});
  EXPECT_EQ(text("10.0.0.2"), "killed\r\neth0");
}

TEST(IsLeaseOf, KnowsOldFilesWithoutAnInterface) {
  EXPECT_TRUE(is_lease_of("id", {"id", "eth0"}));
  EXPECT_TRUE(is_lease_of("id\r\neth0", {"id", "eth0"}));
  EXPECT_FALSE(is_lease_of("id\r\neth1", {"id", "eth0"}));
  EXPECT_FALSE(is_lease_of("id2\r\neth0", {"id", "eth0"}));
  EXPECT_TRUE(is_lease_of("id\r\neth1", {"id", ""}));
}

}  // namespace
}  // namespace rkt::net::builtin
