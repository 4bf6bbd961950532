// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/attach.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/builtin/links.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/netlink.h"

namespace rkt::net::builtin {
namespace {

constexpr int kNameAttempts = 10;

// Of this thread's network namespace; written only when it differs, which a read-only /proc/sys may allow.
void set_sysctl(const std::string& name, const std::string& value) {
  const std::string path = cat("/proc/sys/net/", name);
  if (trim(read_file(path, 4096)) == value) return;
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) throw Error::from_errno(cat("open ", quoted(path)));
  write_all(fd.get(), value, path);
}

void try_sysctl(const std::string& name, const std::string& value) {
  try {
    set_sysctl(name, value);
  } catch (const Error& e) {
    log::debug("networking", e.brief());
  }
}

bool any_of_family(const std::vector<Lease>& leases, bool v6) {
  return std::ranges::any_of(leases, [&](const Lease& l) { return l.address.ip.v6() == v6; });
}

void enable_forwarding(bool v4, bool v6) {
  if (v4) set_sysctl("ipv4/ip_forward", "1");
  if (v6) set_sysctl("ipv6/conf/all/forwarding", "1");
}

UniqueFd open_netns(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw Error::from_errno(cat("failed to open netns ", quoted(path)));
  return fd;
}

UniqueFd own_netns() {
  UniqueFd fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!fd) throw Error::from_errno("open the network namespace of the host");
  return fd;
}

std::string random_peer_name() {
  std::array<std::uint8_t, 4> bytes;
  fill_random(bytes);
  return cat("veth", to_hex(bytes));
}

netlink::Socket pod_socket(const std::string& netns) {
  const NetnsScope scope = NetnsScope::enter(open_netns(netns).get());
  return netlink::Socket(NETLINK_ROUTE);
}

// Both ends, down, the pod's with its addresses.
class Pair {
 public:
  Pair(const Network& network, const Call& call)
      : netns_(call.netns), host_(NETLINK_ROUTE), pod_(pod_socket(call.netns)) {
    const UniqueFd home = own_netns();
    for (int attempt = 0; peer_name_.empty(); ++attempt) {
      const std::string name = random_peer_name();
      const int err = pod_.exchange(plan_pair(call.if_name, name, home.get(), network.mtu));
      if (err == 0)
        peer_name_ = name;
      else if (err == EEXIST && find_link(pod_, call.if_name))
        throw Error(Errc::network, cat("container veth name provided (", call.if_name, ") already exists"));
      else if (err != EEXIST || attempt == kNameAttempts)
        throw Error::from_errno(cat("make a pair of links for ", quoted(call.if_name)), err);
    }
    peer_ = open_link(host_, peer_name_);
    link_ = open_link(pod_, call.if_name);
  }

  const netlink::Socket& host() const { return host_; }
  const netlink::Socket& pod() const { return pod_; }
  const Link& peer() const { return peer_; }  ///< the host's end
  const Link& link() const { return link_; }  ///< the pod's end

  /// Sysctls of the pod's namespace, for IPv6 addresses and for what `more` adds.
  template <class F>
  void inside(F&& body) const {
    const NetnsScope scope = NetnsScope::enter(open_netns(netns_).get());
    body();
  }

  void enable_v6() const {
    inside([&] {
      for (const std::string& name : {std::string("lo"), link_.name})
        set_sysctl(cat("ipv6/conf/", name, "/disable_ipv6"), "0");
    });
  }

 private:
  std::string netns_, peer_name_;
  netlink::Socket host_, pod_;
  Link peer_, link_;
};

std::string setting_up(const Link& link) { return cat("configure ", quoted(link.name)); }

std::vector<Result::Address> result_addresses(const std::vector<Lease>& leases, int interface) {
  std::vector<Result::Address> out;
  for (const auto& l : leases) out.push_back({.address = l.address, .gateway = l.gateway, .interface = interface});
  return out;
}

// The pod's end with its addresses, up; its routes come when the host's end is up too.
void configure_pod(const Pair& pair, const std::vector<Lease>& leases, PrefixRoute prefix_route) {
  if (any_of_family(leases, true)) pair.enable_v6();
  std::vector<netlink::Message> plan;
  for (const auto& l : leases) plan.push_back(plan_address(pair.link().index, l.address, prefix_route));
  plan.push_back(plan_up(pair.link().index));
  apply(pair.pod(), plan, setting_up(pair.link()));
}

void bring_peer_up(const Pair& pair, const Call& call) {
  try_sysctl(cat("ipv6/conf/", pair.peer().name, "/accept_ra"), "0");
  pair.host().must(plan_up(pair.peer().index, call.owner()), setting_up(pair.peer()));
}

// ---- bridge

Link open_bridge(const netlink::Socket& host, const Network& network) {
  if (const int err = host.exchange(plan_bridge(network.bridge, network.mtu)); err != 0 && err != EEXIST)
    throw Error::from_errno(cat("could not add ", quoted(network.bridge)), err);
  Link bridge = open_link(host, network.bridge);
  if (bridge.kind != "bridge")
    throw Error(Errc::network, cat(quoted(network.bridge), " already exists but is not a bridge"));
  if (network.promiscuous) host.must(plan_promiscuous(bridge.index), setting_up(bridge));
  try_sysctl(cat("ipv6/conf/", network.bridge, "/accept_ra"), "0");
  host.must(plan_up(bridge.index), setting_up(bridge));
  return bridge;
}

// The bridge owns the gateway's address, and no other of that network.
void give_bridge_address(const netlink::Socket& host, const Network& network, const Link& bridge, const Cidr& gateway) {
  const bool v6 = gateway.ip.v6();
  for (const auto& a : addresses_of(host, bridge.index, v6)) {
    if (a == gateway) return;
    if (v6 && !a.overlaps(gateway)) continue;
    if (!network.force_address)
      throw Error(Errc::network,
                  cat(quoted(network.bridge), " already has an IP address different from ", gateway.str()));
    host.must(plan_address_removal(bridge.index, a), setting_up(bridge));
  }
  if (const int err = host.exchange(plan_address(bridge.index, gateway, PrefixRoute::yes)); err != 0 && err != EEXIST)
    throw Error::from_errno(cat("could not add IP address to ", quoted(network.bridge)), err);
  // Its own from now on: else it is the lowest of its ports', and changes with them.
  host.must(plan_mac(bridge.index, open_link(host, network.bridge).mac), setting_up(bridge));
}

// One default route a family, when the gateway is to be it and no route with a gateway says so already.
std::vector<Route> bridge_routes(const Network& network, const std::vector<Lease>& leases) {
  std::vector<Route> out = network.ipam.routes;
  if (!network.default_gateway) return out;
  for (const bool v6 : {false, true}) {
    const Cidr all{Ip::any(v6), 0};
    const auto first = std::ranges::find(leases, v6, [](const Lease& l) { return l.address.ip.v6(); });
    const bool there = std::ranges::any_of(out, [&](const Route& r) { return r.dst == all && r.gw; });
    if (first != leases.end() && !there) out.push_back({.dst = all, .gw = first->gateway});
  }
  return out;
}

// So that neighbours forget who had the address before. Best effort, as the plugin's.
void announce(const Pair& pair, const Ip& ip) {
  if (ip.v6()) return;
  std::string mac;
  for (const auto part : split(pair.link().mac, ':'))
    mac.push_back(static_cast<char>(parse_int<unsigned>(part, 16).value_or(0)));
  struct [[gnu::packed]] Arp {
    std::uint16_t hardware = htons(ARPHRD_ETHER), protocol = htons(ETHERTYPE_IP);
    std::uint8_t hardware_length = 6, protocol_length = 4;
    std::uint16_t operation = htons(ARPOP_REPLY);
    std::array<char, 6> sender_mac{};
    std::array<char, 4> sender{};
    std::array<char, 6> target_mac{};
    std::array<char, 4> target{};
  } arp;
  const std::string bytes = ip.bytes();
  std::copy_n(mac.begin(), std::min(mac.size(), arp.sender_mac.size()), arp.sender_mac.begin());
  arp.target_mac.fill('\xff');
  std::copy(bytes.begin(), bytes.end(), arp.sender.begin());
  arp.target = arp.sender;
  const UniqueFd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETHERTYPE_ARP);
  to.sll_ifindex = pair.link().index;
  to.sll_halen = 6;
  std::fill_n(to.sll_addr, 6, std::uint8_t{0xff});
  if (!fd || ::sendto(fd.get(), &arp, sizeof arp, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0)
    log::debug("networking", cat("no gratuitous ARP for ", ip.str()));
}

}  // namespace

Result attach_ptp(const Network& network, const Call& call, const std::vector<Lease>& leases) {
  enable_forwarding(any_of_family(leases, false), any_of_family(leases, true));
  const Pair pair(network, call);
  configure_pod(pair, leases, PrefixRoute::no);
  bring_peer_up(pair, call);
  apply(pair.pod(), plan_ptp_routes(pair.link().index, leases, network.ipam.routes), setting_up(pair.link()));
  std::vector<netlink::Message> plan;
  for (const auto& l : leases)
    plan.push_back(plan_address(pair.peer().index, {l.gateway, l.gateway.bits()}, PrefixRoute::no));
  for (const auto& l : leases)
    plan.push_back(plan_route(
        pair.peer().index, {.dst = {l.address.ip, l.address.ip.bits()}, .gw = {}, .source = {}, .scope = Scope::host}));
  apply(pair.host(), plan, setting_up(pair.peer()));
  return {.interfaces = {{.name = pair.peer().name, .mac = pair.peer().mac, .sandbox = {}},
                         {.name = pair.link().name, .mac = pair.link().mac, .sandbox = call.netns}},
          .ips = result_addresses(leases, 1),
          .routes = network.ipam.routes,
          .dns = network.dns};
}

Result attach_bridge(const Network& network, const Call& call, const std::vector<Lease>& leases) {
  const netlink::Socket host(NETLINK_ROUTE);
  const Link bridge = open_bridge(host, network);
  const Pair pair(network, call);
  host.must(plan_port(pair.peer().index, bridge.index),
            cat("failed to connect ", quoted(pair.peer().name), " to bridge ", network.bridge));
  // Where bridges pass packets to the firewall, a connection of the pod to its own port never leaves the bridge.
  const bool to_itself = network.snat && !network.ports.empty();
  if (network.hairpin || to_itself) host.must(plan_hairpin(pair.peer().index), setting_up(pair.peer()));
  bring_peer_up(pair, call);
  configure_pod(pair, leases, PrefixRoute::yes);
  const auto routes = bridge_routes(network, leases);
  std::vector<netlink::Message> plan;
  for (const auto& r : routes)
    plan.push_back(
        plan_route(pair.link().index, {.dst = r.dst, .gw = gateway_for(r, leases), .source = {}, .exclusive = false}));
  apply(pair.pod(), plan, setting_up(pair.link()));
  pair.inside([&] {
    for (const auto& l : leases) announce(pair, l.address.ip);
  });
  if (network.gateway) {
    for (const auto& l : leases) give_bridge_address(host, network, bridge, {l.gateway, l.address.prefix});
    enable_forwarding(any_of_family(leases, false), any_of_family(leases, true));
  }
  return {.interfaces = {{.name = network.bridge, .mac = open_link(host, network.bridge).mac, .sandbox = {}},
                         {.name = pair.peer().name, .mac = pair.peer().mac, .sandbox = {}},
                         {.name = pair.link().name, .mac = pair.link().mac, .sandbox = call.netns}},
          .ips = result_addresses(leases, 2),
          .routes = routes,
          .dns = network.dns};
}

void detach_link(const Call& call, const std::string& peer) {
  if (!peer.empty()) {
    netlink::Socket host(NETLINK_ROUTE);
    const auto link = find_link(host, peer);
    if (!link) return;
    const bool ours = link->alias == call.owner();
    if (!ours && !link->alias.empty()) return;  // the name is another's now
    apply(host, {plan_down(link->index)}, cat("bring ", quoted(peer), " down"), ENODEV);
    if (ours) std::move(host).send_in_background(plan_delete(link->index));
    return;
  }
  if (call.netns.empty()) return;  // gone, and its links with it
  const netlink::Socket pod = pod_socket(call.netns);
  if (const auto link = find_link(pod, call.if_name))
    apply(pod, {plan_delete(link->index)}, cat("remove ", quoted(call.if_name)), ENODEV);
}

void check_link(const Call& call, const std::string& peer, const std::vector<Cidr>& addresses) {
  const netlink::Socket pod = pod_socket(call.netns);
  const auto link = find_link(pod, call.if_name);
  if (!link) throw Error(Errc::network, cat("the pod has no interface ", quoted(call.if_name), " any more"));
  for (const auto& wanted : addresses) {
    const auto there = addresses_of(pod, link->index, wanted.ip.v6());
    if (std::ranges::find(there, wanted) == there.end())
      throw Error(Errc::network, cat("interface ", quoted(call.if_name), " of the pod has lost ", wanted.str()));
  }
  const auto end = find_link(netlink::Socket(NETLINK_ROUTE), peer);
  if (!link->up || !end || !end->up)
    throw Error(Errc::network, cat("interface ", quoted(link->up ? peer : call.if_name), " is down or gone"));
}

void allow_local_source(const std::string& link) { set_sysctl(cat("ipv4/conf/", link, "/route_localnet"), "1"); }

void refuse_local_destinations() {
  for (const char* links : {"all", "default"}) set_sysctl(cat("ipv4/conf/", links, "/route_localnet"), "0");
}

}  // namespace rkt::net::builtin
