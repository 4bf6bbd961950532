// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/links.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::net::builtin {
namespace {

using netlink::Message;

constexpr std::uint16_t kChange = NLM_F_ACK;
constexpr std::uint16_t kCreate = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;

std::uint8_t family(const Ip& ip) { return ip.v6() ? AF_INET6 : AF_INET; }

ifinfomsg link_body(int index, unsigned flags = 0, unsigned change = 0) {
  ifinfomsg body{};
  body.ifi_index = index;
  body.ifi_flags = flags;
  body.ifi_change = change;
  return body;
}

std::string mac_text(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    out += cat(out.empty() ? "" : ":", to_hex({&byte, 1}));
  }
  return out;
}

Link read_link(const netlink::Reply& reply) {
  const auto attributes = reply.attributes(sizeof(ifinfomsg));
  Link out{.index = reply.body<ifinfomsg>().ifi_index,
           .name = attributes.text(IFLA_IFNAME).value_or(""),
           .mac = mac_text(attributes.find(IFLA_ADDRESS).value_or("")),
           .kind = {},
           .alias = attributes.text(IFLA_IFALIAS).value_or(""),
           .master = static_cast<int>(attributes.u32(IFLA_MASTER).value_or(0)),
           .up = (reply.body<ifinfomsg>().ifi_flags & IFF_UP) != 0};
  if (const auto info = attributes.find(IFLA_LINKINFO))
    out.kind = netlink::Attributes(*info).text(IFLA_INFO_KIND).value_or("");
  return out;
}

ifaddrmsg address_body(int index, const Cidr& address) {
  ifaddrmsg body{};
  body.ifa_family = family(address.ip);
  body.ifa_prefixlen = static_cast<std::uint8_t>(address.prefix);
  body.ifa_index = static_cast<unsigned>(index);
  return body;
}

}  // namespace

std::optional<Link> find_link(const netlink::Socket& socket, const std::string& name) {
  Message ask(RTM_GETLINK, 0);
  ask.body(link_body(0)).text(IFLA_IFNAME, name).u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  try {
    return read_link(socket.ask(ask, cat("look for link ", quoted(name))).at(0));
  } catch (const Error& e) {
    if (e.sys_errno() == ENODEV) return std::nullopt;
    throw;
  }
}

Link open_link(const netlink::Socket& socket, const std::string& name) {
  auto link = find_link(socket, name);
  if (!link) throw Error(Errc::network, cat("could not lookup ", quoted(name)), ENODEV);
  return std::move(*link);
}

std::vector<Cidr> addresses_of(const netlink::Socket& socket, int index, bool v6) {
  ifaddrmsg body{};
  body.ifa_family = v6 ? AF_INET6 : AF_INET;
  Message ask(RTM_GETADDR, NLM_F_DUMP);
  ask.body(body);
  std::vector<Cidr> out;
  for (const auto& reply : socket.ask(ask, "list addresses")) {
    const auto found = reply.body<ifaddrmsg>();
    if (found.ifa_index != static_cast<unsigned>(index)) continue;
    const auto attributes = reply.attributes(sizeof(ifaddrmsg));
    auto bytes = attributes.find(IFA_LOCAL);
    if (!bytes) bytes = attributes.find(IFA_ADDRESS);
    const auto ip = bytes ? Ip::from_bytes(*bytes) : std::nullopt;
    if (ip) out.push_back({*ip, found.ifa_prefixlen});
  }
  return out;
}

Message plan_pair(const std::string& name, const std::string& peer, int peer_netns, int mtu) {
  Message m(RTM_NEWLINK, kCreate);
  m.body(link_body(0)).text(IFLA_IFNAME, name);
  if (mtu > 0) m.u32(IFLA_MTU, static_cast<std::uint32_t>(mtu));
  m.open(IFLA_LINKINFO).text(IFLA_INFO_KIND, "veth").open(IFLA_INFO_DATA).open(VETH_INFO_PEER);
  m.body(link_body(0)).text(IFLA_IFNAME, peer).u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(peer_netns));
  if (mtu > 0) m.u32(IFLA_MTU, static_cast<std::uint32_t>(mtu));
  m.close().close().close();
  return m;
}

Message plan_up(int index, const std::string& alias) {
  Message m(RTM_NEWLINK, kChange);
  m.body(link_body(index, IFF_UP, IFF_UP));
  if (!alias.empty()) m.attr(IFLA_IFALIAS, alias);
  return m;
}

Message plan_down(int index) {
  Message m(RTM_NEWLINK, kChange);
  m.body(link_body(index, 0, IFF_UP));
  return m;
}

Message plan_delete(int index) {
  Message m(RTM_DELLINK, kChange);
  m.body(link_body(index));
  return m;
}

Message plan_bridge(const std::string& name, int mtu) {
  Message m(RTM_NEWLINK, kCreate);
  m.body(link_body(0)).text(IFLA_IFNAME, name);
  if (mtu > 0) m.u32(IFLA_MTU, static_cast<std::uint32_t>(mtu));
  m.open(IFLA_LINKINFO).text(IFLA_INFO_KIND, "bridge").close();
  return m;
}

Message plan_port(int index, int bridge) {
  Message m(RTM_NEWLINK, kChange);
  m.body(link_body(index)).u32(IFLA_MASTER, static_cast<std::uint32_t>(bridge));
  return m;
}

Message plan_hairpin(int port) {
  Message m(RTM_SETLINK, kChange);
  ifinfomsg body = link_body(port);
  body.ifi_family = AF_BRIDGE;
  m.body(body).open(IFLA_PROTINFO).u8(IFLA_BRPORT_MODE, 1).close();
  return m;
}

Message plan_promiscuous(int index) {
  Message m(RTM_NEWLINK, kChange);
  m.body(link_body(index, IFF_PROMISC, IFF_PROMISC));
  return m;
}

Message plan_mac(int index, const std::string& mac) {
  std::string bytes;
  for (const auto part : split(mac, ':')) bytes.push_back(static_cast<char>(parse_int<unsigned>(part, 16).value_or(0)));
  Message m(RTM_NEWLINK, kChange);
  m.body(link_body(index)).attr(IFLA_ADDRESS, bytes);
  return m;
}

Message plan_address(int index, const Cidr& address, PrefixRoute prefix_route) {
  Message m(RTM_NEWADDR, kCreate);
  m.body(address_body(index, address)).attr(IFA_LOCAL, address.ip.bytes()).attr(IFA_ADDRESS, address.ip.bytes());
  if (!address.ip.v6() && address.prefix < 31) m.attr(IFA_BROADCAST, address.ip.broadcast(address.prefix).bytes());
  // Nobody else has an address that was leased: there is no duplicate to wait for.
  const std::uint32_t flags = (address.ip.v6() ? IFA_F_NODAD : 0U) |
                              (prefix_route == PrefixRoute::no ? std::uint32_t{IFA_F_NOPREFIXROUTE} : 0U);
  if (flags != 0) m.u32(IFA_FLAGS, flags);
  return m;
}

Message plan_address_removal(int index, const Cidr& address) {
  Message m(RTM_DELADDR, kChange);
  m.body(address_body(index, address)).attr(IFA_LOCAL, address.ip.bytes());
  return m;
}

Message plan_route(int index, const RouteSpec& route) {
  Message m(RTM_NEWROUTE, route.exclusive ? kCreate : std::uint16_t{NLM_F_ACK | NLM_F_CREATE});
  rtmsg body{};
  body.rtm_family = family(route.dst.ip);
  body.rtm_dst_len = static_cast<std::uint8_t>(route.dst.prefix);
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_BOOT;
  body.rtm_type = RTN_UNICAST;
  if (route.on_link) body.rtm_flags = RTNH_F_ONLINK;
  body.rtm_scope = route.scope == Scope::host   ? RT_SCOPE_HOST
                   : route.scope == Scope::link ? RT_SCOPE_LINK
                                                : RT_SCOPE_UNIVERSE;
  m.body(body);
  if (route.dst.prefix > 0) m.attr(RTA_DST, route.dst.ip.bytes());
  if (route.gw) m.attr(RTA_GATEWAY, route.gw->bytes());
  if (route.source) m.attr(RTA_PREFSRC, route.source->bytes());
  m.u32(RTA_OIF, static_cast<std::uint32_t>(index));
  return m;
}

std::optional<Ip> gateway_for(const Route& route, const std::vector<Lease>& leases) {
  if (route.gw) return route.gw;
  const auto it =
      std::ranges::find(leases, route.dst.ip.v6(), [](const Lease& lease) { return lease.address.ip.v6(); });
  return it == leases.end() ? std::nullopt : std::optional(it->gateway);
}

std::vector<Message> plan_ptp_routes(int index, const std::vector<Lease>& leases, const std::vector<Route>& routes) {
  std::vector<Message> out;
  for (const auto& lease : leases) {
    const Ip& ip = lease.address.ip;
    out.push_back(plan_route(index, {.dst = {lease.gateway, ip.bits()}, .gw = {}, .source = ip, .scope = Scope::link}));
    out.push_back(plan_route(index, {.dst = lease.address.network(), .gw = lease.gateway, .source = ip}));
  }
  // Nothing but the gateway has a route: the plugin adds these while the whole network has one.
  const auto is_gateway = [&](const Ip& ip) { return std::ranges::find(leases, ip, &Lease::gateway) != leases.end(); };
  for (const auto& route : routes) {
    const auto gw = gateway_for(route, leases);
    out.push_back(plan_route(
        index, {.dst = route.dst, .gw = gw, .source = {}, .exclusive = false, .on_link = gw && !is_gateway(*gw)}));
  }
  return out;
}

void apply(const netlink::Socket& socket, const std::vector<Message>& plan, std::string_view doing, int tolerate) {
  if (plan.empty()) return;
  for (const int err : socket.send(plan))
    if (err != 0 && err != tolerate) throw Error::from_errno(doing, err);
}

}  // namespace rkt::net::builtin
