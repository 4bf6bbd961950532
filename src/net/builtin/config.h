// SPDX-License-Identifier: Apache-2.0
// What the built-in plugins can be asked for: ptp or bridge with host-local, loopback, and portmap behind them. A
// network that holds anything else, down to a single key, is not theirs: it goes to the external plugins. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "net/builtin/address.h"

namespace rkt::net::builtin {

/// One subnet out of which addresses are given: the ends are inclusive.
struct Range {
  Cidr subnet;
  Ip start, end, gateway;
  bool contains(const Ip& ip) const { return ip.v6() == start.v6() && start <= ip && ip <= end; }
};
/// Ranges that serve one address together.
using RangeSet = std::vector<Range>;
std::string range_set_text(const RangeSet& set);  ///< START-END,START-END

struct Route {
  Cidr dst;
  std::optional<Ip> gw;
};

/// host-local.
struct Ipam {
  std::string data_dir;          ///< of the network: …/NAME
  std::vector<RangeSet> ranges;  ///< one address each
  std::vector<Route> routes;
  std::vector<Ip> requested;  ///< CNI_ARGS IP=
};

struct Dns {
  std::vector<std::string> nameservers, search, options;
  std::string domain;
  bool empty() const { return nameservers.empty() && search.empty() && options.empty() && domain.empty(); }
};

enum class Kind { ptp, bridge, loopback };

struct PortMapping {
  std::string protocol;  ///< tcp, udp, sctp
  std::uint16_t host_port = 0, container_port = 0;
  std::optional<Ip> host_ip;  ///< none: all of the pod's families
};

struct Network {
  std::string name, cni_version;
  Kind kind = Kind::ptp;
  int mtu = 0;
  bool masquerade = false;
  Dns dns;
  Ipam ipam;
  // bridge
  std::string bridge = "cni0";
  bool gateway = false, default_gateway = false, force_address = false, hairpin = false, promiscuous = false;
  // portmap
  bool forwards = false;
  bool snat = true, masquerade_all = false;
  std::vector<PortMapping> ports;
};

/// The network of a chain of plugin objects (with name and runtimeConfig in, capabilities out). The error says what the
/// built-in cannot do. Values that no plugin would accept (host bits in a subnet) throw what the plugin says.
std::expected<Network, std::string> parse_network(std::span<const json::Object> chain, const std::string& name,
                                                  const std::string& cni_version, const std::string& cni_args);

}  // namespace rkt::net::builtin
