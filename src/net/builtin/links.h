// SPDX-License-Identifier: Apache-2.0
// Links, addresses and routes of a pod's attachment, as netlink messages (docs/devel/network.md). The plan_ functions
// are pure; the rest talks to the kernel.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/builtin/config.h"
#include "net/builtin/leases.h"
#include "sys/netlink_message.h"

namespace rkt::net::builtin {

struct Link {
  int index = 0;
  std::string name, mac;
  std::string kind;  ///< "bridge", "veth", …; "" when the kernel names none
  std::string alias;
  int master = 0;
  bool up = false;
};

/// nullopt: no such link.
std::optional<Link> find_link(const netlink::Socket& socket, const std::string& name);
Link open_link(const netlink::Socket& socket, const std::string& name);
/// The addresses of a link.
std::vector<Cidr> addresses_of(const netlink::Socket& socket, int index, bool v6);

/// A pair whose one end is `name` here and whose other is `peer` in the namespace of `peer_netns`.
netlink::Message plan_pair(const std::string& name, const std::string& peer, int peer_netns, int mtu);
netlink::Message plan_up(int index, const std::string& alias = {});
netlink::Message plan_down(int index);
netlink::Message plan_delete(int index);
netlink::Message plan_bridge(const std::string& name, int mtu);
netlink::Message plan_port(int index, int bridge);
netlink::Message plan_hairpin(int port);
netlink::Message plan_promiscuous(int index);
netlink::Message plan_mac(int index, const std::string& mac);  ///< "02:…", as a Link has it

enum class PrefixRoute { yes, no };
netlink::Message plan_address(int index, const Cidr& address, PrefixRoute prefix_route);
netlink::Message plan_address_removal(int index, const Cidr& address);

enum class Scope { universe, link, host };
struct RouteSpec {
  Cidr dst;
  std::optional<Ip> gw, source;
  Scope scope = Scope::universe;
  bool exclusive = true;  ///< an existing one is an error
  bool on_link = false;   ///< the gateway is behind the link, whatever other routes say
};
netlink::Message plan_route(int index, const RouteSpec& route);

/// What the pod's end of a ptp network gets, when it is up: everything goes through the gateway.
std::vector<netlink::Message> plan_ptp_routes(int index, const std::vector<Lease>& leases,
                                              const std::vector<Route>& routes);
/// The gateway of a route: its own, else the first of its family.
std::optional<Ip> gateway_for(const Route& route, const std::vector<Lease>& leases);

/// Sends all; throws at the first that fails. `tolerate`: an errno that is fine.
void apply(const netlink::Socket& socket, const std::vector<netlink::Message>& plan, std::string_view doing,
           int tolerate = 0);

}  // namespace rkt::net::builtin
