// SPDX-License-Identifier: Apache-2.0
#include "sys/netlink_message.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <cstring>

#include "base/error.h"

namespace rkt::netlink {
namespace {

TEST(Message, AttributesNestAndArePadded) {
  Message m(RTM_NEWLINK, NLM_F_ACK);
  m.body(ifinfomsg{}).text(1, "ab").open(2).u8(3, 7).u32(4, 9).close().attr(5);
  const std::string bytes = m.bytes(42);
  nlmsghdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  EXPECT_EQ(header.nlmsg_len, bytes.size());
  EXPECT_EQ(header.nlmsg_seq, 42U);
  EXPECT_EQ(header.nlmsg_flags, NLM_F_ACK | NLM_F_REQUEST);
  const Attributes a(std::string_view(bytes).substr(sizeof header + sizeof(ifinfomsg)));
  EXPECT_EQ(a.text(1), "ab");
  const Attributes inner(a.find(2).value());
  EXPECT_EQ(inner.find(3)->size(), 1U);
  EXPECT_EQ(inner.u32(4), 9U);
  EXPECT_EQ(a.find(5)->size(), 0U);
}

TEST(Attributes, EndAtWhatDoesNotFit) {
  Message m(0, 0);
  m.u32(1, 1).u32(2, 2);
  const std::string bytes = m.bytes(0).substr(sizeof(nlmsghdr));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_EQ(Attributes(std::string_view(bytes).substr(0, cut)).all().size(), cut < 8 ? 0U : 1U) << cut;
  EXPECT_TRUE(Attributes(std::string(8, '\0')).all().empty());
}

TEST(Socket, TellsTheErrorOfEachMessage) {
  const Socket socket(NETLINK_ROUTE);
  Message missing(RTM_GETLINK, NLM_F_ACK);
  ifinfomsg body{};
  body.ifi_index = 0x7fffffff;
  missing.body(body);
  Message unknown(RTM_MAX + 100, NLM_F_ACK);
  unknown.body(body);
  const auto errors = socket.send(std::vector{missing, unknown});
  EXPECT_EQ(errors, (std::vector{ENODEV, EOPNOTSUPP}));
  EXPECT_THROW((void)socket.ask(missing, "look"), Error);
}

TEST(Socket, ListsTheLoopback) {
  const Socket socket(NETLINK_ROUTE);
  Message list(RTM_GETLINK, NLM_F_DUMP);
  list.body(ifinfomsg{});
  bool found = false;
  for (const auto& reply : socket.ask(list, "list links"))
    found = found || reply.attributes(sizeof(ifinfomsg)).text(IFLA_IFNAME) == "lo";
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace rkt::netlink
