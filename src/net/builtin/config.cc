// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/config.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "json/reader.h"

namespace rkt::net::builtin {
namespace {

constexpr const char* kDataDir = "/var/lib/cni/networks";
constexpr std::array kVersions{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};

// Ends the parse: what is asked for is another program's.
Error not_ours(std::string why) { return {Errc::unsupported, std::move(why)}; }

void only(const json::Reader& in, const std::vector<std::string_view>& keys) {
  for (const auto& [key, value] : in.members())
    if (std::ranges::find(keys, key) == keys.end() && !value.value().is_null())
      throw not_ours(cat("key ", quoted(key), " of ", in.path()));
}

Ip read_ip(const json::Reader& in) {
  const auto ip = Ip::parse(in.text());
  if (!ip) in.fail(cat("invalid IP address: ", in.text()));
  return *ip;
}

Range read_range(const json::Reader& in) {
  const std::string& text = in.at("subnet").text();
  const auto subnet = Cidr::parse(text);
  if (!subnet) in.fail(cat("invalid CIDR address: ", text));
  if (subnet->prefix > subnet->ip.bits() - 2)
    throw Error(Errc::invalid, cat("Network ", subnet->str(), " too small to allocate from"));
  if (subnet->network() != *subnet)
    throw Error(Errc::invalid, cat("Network has host bits set. For a subnet mask of length ", subnet->prefix,
                                   " the network address is ", subnet->network().ip.str()));
  const Ip last = subnet->ip.broadcast(subnet->prefix);
  Range r{.subnet = *subnet,
          .start = subnet->ip.next(),
          .end = subnet->ip.v6() ? last : last.previous(),
          .gateway = subnet->ip.next()};
  if (const auto gateway = in.find("gateway")) r.gateway = read_ip(*gateway);
  if (const auto start = in.find("rangeStart")) r.start = read_ip(*start);
  if (const auto end = in.find("rangeEnd")) r.end = read_ip(*end);
  if (!subnet->contains(r.start))
    throw Error(Errc::invalid, cat("RangeStart ", r.start.str(), " not in network ", subnet->str()));
  if (!subnet->contains(r.end))
    throw Error(Errc::invalid, cat("RangeEnd ", r.end.str(), " not in network ", subnet->str()));
  return r;
}

// Two sets must not share a subnet, nor two ranges of one set; a set is of one family.
void check_ranges(const Ipam& ipam, std::string_view cni_version) {
  int v4 = 0, v6 = 0;
  std::vector<const Range*> seen;
  for (const auto& set : ipam.ranges) {
    (set.front().subnet.ip.v6() ? v6 : v4) += 1;
    for (const auto& r : set) {
      if (r.subnet.ip.v6() != set.front().subnet.ip.v6()) throw Error(Errc::invalid, "mixed address families");
      for (const auto* other : seen)
        if (r.subnet.overlaps(other->subnet))
          throw Error(Errc::invalid, cat("range set ", range_set_text(set), " overlaps with ", other->start.str(), "-",
                                         other->end.str()));
      seen.push_back(&r);
    }
  }
  if ((v4 > 1 || v6 > 1) && (cni_version == "0.1.0" || cni_version == "0.2.0"))
    throw Error(Errc::invalid, cat("CNI version ", cni_version, " does not support more than 1 address per family"));
}

void read_routes(const json::Reader& in, std::vector<Route>& out) {
  for (const auto& route : in.items("routes")) {
    only(route, {"dst", "gw"});
    const auto dst = Cidr::parse(route.at("dst").text());
    if (!dst) route.fail(cat("invalid CIDR address: ", route.at("dst").text()));
    Route r{.dst = dst->network(), .gw = std::nullopt};
    if (const auto gw = route.find("gw"); gw && !gw->text().empty()) r.gw = read_ip(*gw);
    out.push_back(r);
  }
}

// What every plugin may have, for the runtime.
void only_of_plugin(const json::Reader& in, std::vector<std::string_view> keys) {
  keys.insert(keys.end(), {"cniVersion", "cniVersions", "name", "type", "disableCheck", "disableGC"});
  only(in, keys);
}

// CNI_ARGS: the words of other plugins are for them, those that change what we do and that we do not know are not ours.
void read_args(const std::string& args, Ipam& out) {
  for (const auto item : split(args, ';')) {
    if (item.starts_with("MAC=")) throw not_ours("CNI_ARGS MAC");
    if (!item.starts_with("IP=")) continue;
    const auto text = item.substr(3);
    const auto ip = Ip::parse(text.substr(0, text.find('/')));
    if (!ip) throw Error(Errc::invalid, cat("invalid IP address: ", text));
    out.requested.push_back(*ip);
  }
}

Ipam read_ipam(const json::Reader& plugin, const Network& network) {
  const auto found = plugin.find("ipam");
  if (!found || found->text_or("type", "") != "host-local")
    throw not_ours(found ? cat("address plugin ", quoted(found->text_or("type", "")))
                         : std::string("no address plugin"));
  const auto& in = *found;
  only(in, {"type", "subnet", "rangeStart", "rangeEnd", "gateway", "routes", "dataDir", "ranges"});
  Ipam out;
  const std::string dir = in.text_or("dataDir", "");
  out.data_dir = cat(dir.empty() ? kDataDir : dir, "/", network.name);
  if (in.find("subnet")) out.ranges.push_back({read_range(in)});
  for (const auto& set : in.items("ranges")) {
    RangeSet ranges;
    for (const auto& range : set.elements()) {
      only(range, {"subnet", "rangeStart", "rangeEnd", "gateway"});
      ranges.push_back(read_range(range));
    }
    if (ranges.empty()) throw Error(Errc::invalid, "empty range set");
    out.ranges.push_back(std::move(ranges));
  }
  if (out.ranges.empty()) throw Error(Errc::invalid, "no IP ranges specified");
  check_ranges(out, network.cni_version);
  read_routes(in, out.routes);
  return out;
}

Dns read_dns(const json::Reader& plugin) {
  Dns out;
  if (const auto dns = plugin.find("dns")) {
    only(*dns, {"nameservers", "domain", "search", "options"});
    out = {.nameservers = dns->texts("nameservers"),
           .search = dns->texts("search"),
           .options = dns->texts("options"),
           .domain = dns->text_or("domain", "")};
  }
  return out;
}

int read_mtu(const json::Reader& in) {
  const auto mtu = in.find("mtu");
  return mtu ? static_cast<int>(mtu->integer(0, 65535)) : 0;
}

void read_ptp(const json::Reader& in, const std::string& args, Network& out) {
  only_of_plugin(in, {"ipMasq", "mtu", "ipam", "dns"});
  out.ipam = read_ipam(in, out);
  read_args(args, out.ipam);
}

void read_bridge(const json::Reader& in, const std::string& args, Network& out) {
  only_of_plugin(in, {"ipMasq", "mtu", "ipam", "dns", "bridge", "isGateway", "isDefaultGateway", "forceAddress",
                      "hairpinMode", "promiscMode"});
  out.bridge = in.text_or("bridge", "cni0");
  out.default_gateway = in.boolean_or("isDefaultGateway", false);
  out.gateway = in.boolean_or("isGateway", false) || out.default_gateway;
  out.force_address = in.boolean_or("forceAddress", false);
  out.hairpin = in.boolean_or("hairpinMode", false);
  out.promiscuous = in.boolean_or("promiscMode", false);
  if (out.hairpin && out.promiscuous)
    throw Error(Errc::invalid, "cannot set hairpin mode and promiscuous mode at the same time.");
  out.ipam = read_ipam(in, out);
  read_args(args, out.ipam);
}

PortMapping read_mapping(const json::Reader& in) {
  only(in, {"hostPort", "containerPort", "protocol", "hostIP"});
  PortMapping out{.protocol = lower(in.text_or("protocol", "tcp")),
                  .host_port = static_cast<std::uint16_t>(in.at("hostPort").integer(1, 65535)),
                  .container_port = static_cast<std::uint16_t>(in.at("containerPort").integer(1, 65535)),
                  .host_ip = std::nullopt};
  if (out.protocol != "tcp" && out.protocol != "udp" && out.protocol != "sctp")
    in.fail(cat("protocol ", quoted(out.protocol), " cannot be forwarded"));
  if (const auto ip = in.find("hostIP"); ip && !ip->text().empty()) out.host_ip = read_ip(*ip);
  return out;
}

void read_portmap(const json::Reader& in, Network& out) {
  if (out.forwards) throw not_ours("two portmap plugins");
  only_of_plugin(in, {"snat", "masqAll", "runtimeConfig"});
  out.forwards = true;
  out.snat = in.boolean_or("snat", true);
  out.masquerade_all = in.boolean_or("masqAll", false);
  const auto runtime = in.find("runtimeConfig");
  if (!runtime) return;
  only(*runtime, {"portMappings"});
  for (const auto& mapping : runtime->items("portMappings")) out.ports.push_back(read_mapping(mapping));
}

Network read_chain(std::span<const json::Object> chain, const std::string& name, const std::string& version,
                   const std::string& args) {
  if (std::ranges::find(kVersions, version) == kVersions.end()) throw not_ours(cat("CNI version ", quoted(version)));
  Network out{.name = name, .cni_version = version};
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const json::Value value(chain[i]);
    const std::string type = json::Reader(value).text_or("type", "");
    const json::Reader in(value, type);
    if (i > 0 && type != "portmap") throw not_ours(cat("plugin ", quoted(type), " in a chain"));
    if (i > 0) {
      read_portmap(in, out);
      continue;
    }
    if (type == "loopback") {
      only_of_plugin(in, {});
      out.kind = Kind::loopback;
      continue;
    }
    if (type != "ptp" && type != "bridge") throw not_ours(cat("plugin ", quoted(type)));
    out.kind = type == "ptp" ? Kind::ptp : Kind::bridge;
    out.masquerade = in.boolean_or("ipMasq", false);
    out.mtu = read_mtu(in);
    out.dns = read_dns(in);
    if (type == "ptp")
      read_ptp(in, args, out);
    else
      read_bridge(in, args, out);
  }
  return out;
}

}  // namespace

std::string range_set_text(const RangeSet& set) {
  std::string out;
  for (const auto& r : set) out += cat(out.empty() ? "" : ",", r.start.str(), "-", r.end.str());
  return out;
}

std::expected<Network, std::string> parse_network(std::span<const json::Object> chain, const std::string& name,
                                                  const std::string& cni_version, const std::string& cni_args) {
  try {
    return read_chain(chain, name, cni_version, cni_args);
  } catch (const Error& e) {
    if (e.code() != Errc::unsupported) throw;
    return std::unexpected(e.cause());
  }
}

}  // namespace rkt::net::builtin
