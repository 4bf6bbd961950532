// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/firewall.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>

#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"

namespace rkt::net::builtin {
namespace {

using netlink::Message;
using nft::Element;
using nft::Rule;

const std::string kTable = "rkt";

// An empty chain that tells which rules the table has: to be counted up with every change of them, so that a table of
// before is brought up to date. A network's own chains are only written with a pod of it: if they change they need
// other names.
const std::string kRules = "rules_2";

// Before the chains of iptables (-100 and 100): a port that a pod publishes is the pod's, and what is not ours goes on
// to them. The guard is before connection tracking.
constexpr int kDnat = -110, kSnat = 90, kGuard = -300;

// Of nft: how it shows keys. Concatenations are six bits a type.
constexpr std::uint32_t kIpv4 = 7, kIpv6 = 8, kProto = 12, kService = 13, kIfName = 41;
constexpr std::uint32_t joined(std::uint32_t a, std::uint32_t b) { return (a << 6) | b; }

constexpr std::size_t kElementsPerMessage = 256;  // an attribute holds 64 KiB
constexpr int kAttempts = 5;
constexpr const char* kLooking = "look into table \"inet rkt\" of nftables";

struct Family {
  bool v6;
  const char* suffix;
  unsigned source, destination, length;  // of the addresses in the header
  std::uint8_t number;
};
constexpr std::array<Family, 2> kFamilies{
    {{false, "4", 12, 16, 4, NFPROTO_IPV4}, {true, "6", 8, 24, 16, NFPROTO_IPV6}}};
const Family& family_of(const Ip& ip) { return kFamilies[ip.v6() ? 1 : 0]; }

std::string byte(std::uint8_t n) { return std::string(1, static_cast<char>(n)); }

// A part of a key or of data: padded to words.
std::string padded(std::string bytes) {
  bytes.resize((bytes.size() + 3) & ~std::size_t{3}, '\0');
  return bytes;
}

std::string port_bytes(std::uint16_t port) {
  const std::uint16_t n = htons(port);
  return padded({reinterpret_cast<const char*>(&n), sizeof n});
}

std::uint8_t protocol_number(const std::string& name) {
  return name == "udp" ? IPPROTO_UDP : name == "sctp" ? IPPROTO_SCTP : IPPROTO_TCP;
}

std::string network_name(const Cidr& network) {
  const std::string bytes = network.network().ip.bytes();
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return cat(to_hex({data, bytes.size()}), "_", network.prefix);
}

std::string masq_chain(const Cidr& network) { return cat("masq_", network_name(network)); }
std::string snat_chain(Snat snat, const Cidr& network) {
  return snat == Snat::all ? "snat_all" : cat("snat_", network_name(network));
}

bool is_on_all(const PortMapping& port) { return !port.host_ip || port.host_ip->unspecified(); }
bool reaches(const PortMapping& port, const Ip& pod) { return !port.host_ip || port.host_ip->v6() == pod.v6(); }

Element port_element(const Translation& t, const PortMapping& port, const Ip& pod) {
  const bool any = is_on_all(port);
  const std::string key = cat(padded(byte(protocol_number(port.protocol))), port_bytes(port.host_port));
  return {.set = cat(any ? "ports" : "addr_ports", family_of(pod).suffix),
          .key = any ? key : cat(port.host_ip->bytes(), key),
          .data = cat(pod.bytes(), port_bytes(port.container_port)),
          .comment = t.owner,
          .exclusive = true};
}

Element link_element(const Translation& t) {
  std::string name = t.link;
  name.resize(IFNAMSIZ, '\0');
  return {.set = "localnet", .key = name, .comment = t.link_is_shared ? "bridge" : t.owner};
}

// The first address of each family is the one that ports go to.
std::vector<Cidr> port_targets(const Translation& t) {
  std::vector<Cidr> out;
  for (const auto& a : t.addresses)
    if (std::ranges::none_of(out, [&](const Cidr& o) { return o.ip.v6() == a.ip.v6(); })) out.push_back(a);
  return out;
}

template <class F>
std::vector<Message> grouped(const std::vector<Element>& elements, F&& message) {
  std::vector<Message> out;
  for (std::size_t i = 0; i < elements.size();) {
    std::size_t end = i + 1;
    while (end < elements.size() && elements[end].set == elements[i].set && end - i < kElementsPerMessage) ++end;
    out.push_back(message(std::span(elements).subspan(i, end - i)));
    i = end;
  }
  return out;
}

// ---- the table

std::vector<nft::SetSpec> sets() {
  std::vector<nft::SetSpec> out;
  for (const auto& f : kFamilies) {
    const std::uint32_t address = f.v6 ? kIpv6 : kIpv4;
    out.push_back({cat("ports", f.suffix), joined(kProto, kService), 8, joined(address, kService), f.length + 4});
    out.push_back({cat("addr_ports", f.suffix), joined(joined(address, kProto), kService), f.length + 8,
                   joined(address, kService), f.length + 4});
    out.push_back({cat("snat", f.suffix), address, f.length, nft::kVerdict, 0});
    out.push_back({cat("masq", f.suffix), address, f.length, nft::kVerdict, 0});
  }
  out.push_back({"localnet", kIfName, IFNAMSIZ, 0, 0});
  return out;
}

struct Chain {
  std::string name;
  std::vector<Rule> rules;
};

Rule rule(const std::string& chain) { return {kTable, chain}; }

Chain ports_chain() {
  Chain out{.name = "ports", .rules = {}};
  for (const auto& f : kFamilies) {
    const unsigned words = f.length / 4;
    out.rules.push_back(rule(out.name)
                            .family(f.number)
                            .network(f.destination, f.length, 0)
                            .meta(NFT_META_L4PROTO, words)
                            .destination_port(words + 1)
                            .map(cat("addr_ports", f.suffix), 0, 0)
                            .dnat(f.v6, 0, words));
    out.rules.push_back(rule(out.name)
                            .family(f.number)
                            .meta(NFT_META_L4PROTO, 0)
                            .destination_port(1)
                            .map(cat("ports", f.suffix), 0, 0)
                            .dnat(f.v6, 0, words));
  }
  return out;
}

Chain postrouting_chain() {
  constexpr std::uint32_t kDnatDone = 1U << 5;  // IPS_DST_NAT
  const std::string bit(reinterpret_cast<const char*>(&kDnatDone), sizeof kDnatDone);
  Chain out{.name = "postrouting", .rules = {}};
  for (const auto& f : kFamilies) {
    out.rules.push_back(rule(out.name)
                            .ct_status(0)
                            .mask(0, bit)
                            .is_not(0, std::string(4, '\0'))
                            .family(f.number)
                            .network(f.destination, f.length, 0)
                            .vmap(cat("snat", f.suffix), 0));
    out.rules.push_back(rule(out.name).family(f.number).network(f.source, f.length, 0).vmap(cat("masq", f.suffix), 0));
  }
  return out;
}

std::string mask_bytes(bool v6, int prefix) {
  const Ip zero = Ip::any(v6);
  return zero.broadcast(0).masked(prefix).bytes();
}

Rule& in_network(Rule& r, unsigned offset, const Cidr& network) {
  const Family& f = family_of(network.ip);
  return r.family(f.number)
      .network(offset, f.length, 0)
      .mask(0, mask_bytes(f.v6, network.prefix))
      .is(0, network.network().ip.bytes());
}

Chain masquerade_chain(const Cidr& network) {
  const Family& f = family_of(network.ip);
  Chain out{.name = masq_chain(network), .rules = {}};
  Rule inside = rule(out.name);
  out.rules.push_back(in_network(inside, f.destination, network).leave());
  const Cidr multicast = *Cidr::parse(f.v6 ? "ff00::/8" : "224.0.0.0/4");
  out.rules.push_back(rule(out.name)
                          .family(f.number)
                          .network(f.destination, f.length, 0)
                          .mask(0, mask_bytes(f.v6, multicast.prefix))
                          .is_not(0, multicast.ip.bytes())
                          .masquerade());
  return out;
}

Chain forwarded_chain(Snat snat, const Cidr& network) {
  const Family& f = family_of(network.ip);
  Chain out{.name = snat_chain(snat, network), .rules = {}};
  if (snat == Snat::all) {
    out.rules.push_back(rule(out.name).masquerade());
    return out;
  }
  for (const auto& source : {network, *Cidr::parse(f.v6 ? "::1/128" : "127.0.0.0/8")}) {
    Rule r = rule(out.name);
    out.rules.push_back(in_network(r, f.source, source).masquerade());
  }
  return out;
}

Chain guard_chain() {
  Chain out{.name = "guard", .rules = {}};
  for (const unsigned end : {kFamilies[0].destination, kFamilies[0].source})
    out.rules.push_back(rule(out.name)
                            .meta(NFT_META_IIFNAME, 0)
                            .lookup("localnet", 0)
                            .family(NFPROTO_IPV4)
                            .network(end, 1, 0)
                            .is(0, byte(127))
                            .drop());
  return out;
}

Chain local_chain(const char* name) {
  return {.name = name, .rules = {rule(name).destination_is_local().jump("ports")}};
}

std::vector<Chain> network_chains(const Translation& t) {
  std::vector<Chain> out;
  if (t.masquerade)
    for (const auto& a : t.addresses) out.push_back(masquerade_chain(a.network()));
  if (!t.ports.empty() && t.snat != Snat::none)
    for (const auto& a : port_targets(t)) out.push_back(forwarded_chain(t.snat, a.network()));
  return out;
}

// ---- in the kernel

// The comment of each; nullopt: it is not there.
std::vector<std::optional<std::string>> look_up(const netlink::Socket& socket, const std::vector<Element>& elements) {
  if (elements.empty()) return {};
  std::vector<Message> asks;
  for (const auto& e : elements) asks.push_back(nft::get_element(kTable, e));
  std::vector<std::optional<std::string>> out;
  for (const auto& reply : socket.ask_each(asks, kLooking)) {
    auto found = reply ? nft::read_elements({}, *reply) : std::vector<Element>();
    out.push_back(found.empty() ? std::nullopt : std::optional(std::move(found.front().comment)));
  }
  return out;
}

// Those with a comment of this container; no table: none.
std::vector<Element> list_of(const netlink::Socket& socket, const std::string& container_id) {
  std::vector<Element> out;
  try {
    for (const auto& set : sets())
      for (const auto& reply : socket.ask(nft::list_elements(kTable, set.name), kLooking))
        for (auto& e : nft::read_elements(set.name, reply))
          if (e.comment.starts_with(cat(container_id, " "))) out.push_back(std::move(e));
  } catch (const Error& e) {
    if (e.sys_errno() != ENOENT) throw;
  }
  return out;
}

int first_error(const netlink::Socket& socket, std::vector<Message> messages) {
  const auto answers = socket.send(nft::batch(std::move(messages)));
  int missing = 0;
  for (const int err : answers) {
    if (err == EEXIST || err == EBUSY) return err;
    if (err != 0 && missing == 0) missing = err;
  }
  return missing;
}

std::string port_name(const PortMapping& p) {
  const std::string ip = p.host_ip ? p.host_ip->str() : "0.0.0.0";
  return cat(p.protocol, "-", p.host_ip && p.host_ip->v6() ? cat("[", ip, "]") : ip, ":", p.host_port);
}

Error port_taken(const PortMapping& port, std::string_view owner) {
  return {Errc::busy, cat("port ", port_name(port), " is already forwarded to pod ", owner.substr(0, owner.find(' ')))};
}

Error port_taken(const netlink::Socket& socket, const Translation& t) {
  for (const auto& port : t.ports)
    for (const auto& target : port_targets(t)) {
      if (!reaches(port, target.ip)) continue;
      if (const auto owner = look_up(socket, {port_element(t, port, target.ip)}).front())
        return port_taken(port, *owner);
    }
  return {Errc::busy, "a port is already forwarded to another pod"};
}

// Ports on one address and ports on all are in different maps, where the kernel refuses only equal keys. Looked at
// after the elements are there: of two pods that come at the same time at least one sees the other.
void refuse_overlaps(const netlink::Socket& socket, const Translation& t, const Ip& pod) {
  std::map<std::string, const PortMapping*> on_all;  // by key, which is how the key of a port on one address ends
  std::vector<const PortMapping*> on_one;
  std::vector<Element> same_on_all;
  for (const auto& port : t.ports) {
    if (!reaches(port, pod)) continue;
    PortMapping all = port;
    all.host_ip.reset();
    Element element = port_element(t, all, pod);
    if (is_on_all(port)) {
      on_all.emplace(std::move(element.key), &port);
    } else {
      on_one.push_back(&port);
      same_on_all.push_back(std::move(element));
    }
  }
  const auto owners = look_up(socket, same_on_all);
  for (std::size_t i = 0; i < owners.size(); ++i)
    if (owners[i] && *owners[i] != t.owner) throw port_taken(*on_one[i], *owners[i]);
  if (on_all.empty()) return;
  const std::string set = cat("addr_ports", family_of(pod).suffix);
  for (const auto& reply : socket.ask(nft::list_elements(kTable, set), kLooking))
    for (const auto& e : nft::read_elements(set, reply)) {
      const auto port = on_all.find(e.key.substr(pod.bytes().size()));
      if (port != on_all.end() && e.comment != t.owner) throw port_taken(*port->second, e.comment);
    }
}

Error no_nftables(int err) {
  Error e = Error::from_errno("change table \"inet rkt\" of nftables", err);
  e.hint("needs a kernel with nf_tables; or use --net-plugins=external");
  return e;
}

// Other programs may change the table between the look and the removal: then it is done again.
void remove_found(netlink::Socket socket, const std::function<std::vector<Element>(const netlink::Socket&)>& find) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto ours = find(socket);
    if (ours.empty()) return;
    const int err = first_error(socket, grouped(ours, [](auto list) { return nft::delete_elements(kTable, list); }));
    if (err == 0) return std::move(socket).close_in_background();
    if (err != ENOENT) throw no_nftables(err);
  }
  throw Error(Errc::busy, "table \"inet rkt\" of nftables keeps being changed");
}

}  // namespace

std::vector<Element> plan_elements(const Translation& t) {
  std::vector<Element> out;
  if (t.masquerade)
    for (const auto& a : t.addresses)
      out.push_back({.set = cat("masq", family_of(a.ip).suffix),
                     .key = a.ip.bytes(),
                     .chain = masq_chain(a),
                     .comment = t.owner});
  if (t.ports.empty()) return out;
  for (const auto& target : port_targets(t)) {
    if (t.snat != Snat::none)
      out.push_back({.set = cat("snat", family_of(target.ip).suffix),
                     .key = target.ip.bytes(),
                     .chain = snat_chain(t.snat, target),
                     .comment = t.owner});
    for (const auto& port : t.ports)
      if (reaches(port, target.ip)) out.push_back(port_element(t, port, target.ip));
  }
  if (!t.link.empty()) out.push_back(link_element(t));
  std::ranges::stable_sort(out, {}, &Element::set);
  return out;
}

std::vector<Message> plan_table(const Translation& t) {
  std::vector<Message> out{nft::add_table(kTable)};
  std::uint32_t id = 0;
  for (const auto& set : sets()) out.push_back(nft::add_set(kTable, set, ++id));
  std::vector<Chain> chains = network_chains(t);
  chains.push_back(ports_chain());
  for (const auto& c : chains) out.push_back(nft::add_chain(kTable, c.name));
  out.push_back(nft::add_chain(kTable, kRules));
  out.push_back(nft::add_base_chain(kTable, "guard", "filter", NF_INET_PRE_ROUTING, kGuard));
  out.push_back(nft::add_base_chain(kTable, "prerouting", "nat", NF_INET_PRE_ROUTING, kDnat));
  out.push_back(nft::add_base_chain(kTable, "output", "nat", NF_INET_LOCAL_OUT, kDnat));
  out.push_back(nft::add_base_chain(kTable, "postrouting", "nat", NF_INET_POST_ROUTING, kSnat));
  for (auto& c : {guard_chain(), local_chain("prerouting"), local_chain("output"), postrouting_chain()})
    chains.push_back(c);
  for (const auto& c : chains) {
    out.push_back(nft::flush_chain(kTable, c.name));
    for (const auto& r : c.rules) out.push_back(r.message());
  }
  return out;
}

bool can_translate() {
  try {
    netlink::Socket(NETLINK_NETFILTER).ask(nft::generation(), "ask for the generation of nftables");
    return true;
  } catch (const Error& e) {
    log::debug("networking", e.brief());
    return false;
  }
}

void add_translation(const Translation& t) {
  const auto elements = plan_elements(t);
  if (elements.empty()) return;
  const netlink::Socket socket(NETLINK_NETFILTER);
  auto additions = grouped(elements, [](auto list) { return nft::add_elements(kTable, list); });
  additions.push_back(nft::flush_chain(kTable, kRules));  // does nothing, where there is one
  int err = first_error(socket, additions);
  if (err == ENOENT) {  // the table, the chain of this network, or the rules of this version
    auto all = plan_table(t);
    all.insert(all.end(), additions.begin(), additions.end());
    err = first_error(socket, std::move(all));
  }
  if (err == EEXIST || err == EBUSY) throw port_taken(socket, t);
  if (err != 0) throw no_nftables(err);
  ScopeExit undo([&t] {
    try {
      remove_translation(t);
    } catch (const std::exception& e) {
      log::note("networking", cat("warning: ports stay forwarded until the pod is removed: ", e.what()));
    }
  });
  for (const auto& target : port_targets(t))
    if (!t.ports.empty()) refuse_overlaps(socket, t, target.ip);
  undo.release();
}

bool has_translation(const Translation& t) {
  const auto elements = plan_elements(t);
  if (elements.empty()) return true;
  const auto owners = look_up(netlink::Socket(NETLINK_NETFILTER), elements);
  for (std::size_t i = 0; i < elements.size(); ++i)
    if (owners[i] != elements[i].comment) return false;
  return true;
}

void remove_translation(const Translation& t) {
  const auto elements = plan_elements(t);
  if (elements.empty()) return;
  remove_found(netlink::Socket(NETLINK_NETFILTER), [&](const netlink::Socket& socket) {
    const auto owners = look_up(socket, elements);
    std::vector<Element> ours;
    for (std::size_t i = 0; i < elements.size(); ++i)
      if (owners[i] == t.owner) ours.push_back(elements[i]);
    return ours;
  });
}

void sweep_translation(const std::string& container_id) {
  if (!can_translate()) return;
  remove_found(netlink::Socket(NETLINK_NETFILTER),
               [&](const netlink::Socket& socket) { return list_of(socket, container_id); });
}

}  // namespace rkt::net::builtin
