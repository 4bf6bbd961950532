// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/builtin.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "net/builtin/attach.h"
#include "net/builtin/firewall.h"
#include "net/builtin/leases.h"
#include "net/builtin/result.h"
#include "sys/dir.h"

namespace rkt::net::builtin {
namespace {

constexpr const char* kRecordVersion = "1.0.0";
constexpr const char* kLeaseDirs = "/var/lib/cni/networks";

Owner owner_of(const Call& call) { return {.container_id = call.container_id, .if_name = call.if_name}; }

// The end of the pair on the host.
std::string host_end(const Network& network, const Result& result) {
  const std::size_t at = network.kind == Kind::bridge ? 1 : 0;
  return at < result.interfaces.size() ? result.interfaces[at].name : std::string();
}

std::vector<Cidr> addresses_of(const Result& result) {
  std::vector<Cidr> out;
  for (const auto& a : result.ips) out.push_back(a.address);
  return out;
}

// The first interface is the link through which the host reaches the pod.
Translation translation(const Network& network, const Call& call, const Result& result) {
  const bool local = network.snat && !network.ports.empty() && !result.interfaces.empty();
  return {.owner = call.owner(),
          .addresses = addresses_of(result),
          .masquerade = network.masquerade,
          .ports = network.ports,
          .snat = network.masquerade_all ? Snat::all
                  : network.snat         ? Snat::own_network
                                         : Snat::none,
          .link = local ? result.interfaces.front().name : std::string(),
          .link_is_shared = network.kind == Kind::bridge};
}

Result loopback_result(const Call& call) {
  return {.interfaces = {{.name = "lo", .mac = "00:00:00:00:00:00", .sandbox = call.netns}},
          .ips = {{.address = *Cidr::parse("127.0.0.1/8"), .gateway = {}, .interface = 0},
                  {.address = *Cidr::parse("::1/128"), .gateway = {}, .interface = 0}},
          .routes = {},
          .dns = {}};
}

}  // namespace

std::string Call::owner() const { return cat(container_id, " ", if_name); }

bool can_serve(const Network& network) { return (!network.masquerade && network.ports.empty()) || can_translate(); }

Added add(const Network& network, const Call& call) {
  const auto both = [&](const Result& r) {
    return Added{.result = write_result(r, network.cni_version), .record = write_result(r, kRecordVersion)};
  };
  if (network.kind == Kind::loopback) return both(loopback_result(call));
  const auto leases = allocate(network.ipam, owner_of(call));
  const Result result =
      network.kind == Kind::bridge ? attach_bridge(network, call, leases) : attach_ptp(network, call, leases);
  const Translation t = translation(network, call, result);
  if (!t.link.empty()) allow_local_source(t.link);
  add_translation(t);
  return both(result);
}

void del(const Network& network, const Call& call, const json::Value* record) {
  if (network.kind == Kind::loopback) return;
  if (record == nullptr) {
    // It may have been killed at any point.
    if (!network.ports.empty() || network.masquerade) sweep_translation(call.container_id);
    detach_link(call, {});
    release(network.ipam.data_dir, owner_of(call), {});
    return;
  }
  const Result result = read_result(*record);
  remove_translation(translation(network, call, result));
  detach_link(call, host_end(network, result));
  std::vector<Ip> known;
  for (const auto& a : result.ips) known.push_back(a.address.ip);
  if (!known.empty()) release(network.ipam.data_dir, owner_of(call), known);
}

void check(const Network& network, const Call& call, const json::Value& record) {
  if (network.kind == Kind::loopback) return;
  const Result result = read_result(record);
  check_link(call, host_end(network, result), addresses_of(result));
  const auto held = find_leases(network.ipam.data_dir, owner_of(call));
  for (const auto& a : result.ips)
    if (std::ranges::find(held, a.address.ip) == held.end())
      throw Error(Errc::network, cat("address ", a.address.ip.str(), " is not reserved for the pod any more"));
  if (!has_translation(translation(network, call, result)))
    throw Error(Errc::network, "table \"inet rkt\" of nftables has lost ports or addresses of the pod");
}

void sweep(const std::string& container_id) {
  sweep_translation(container_id);
  const auto networks = DirFd::find(kLeaseDirs);
  if (!networks) return;
  for (const auto& name : networks->names())
    if (networks->find_file(cat(name, "/lock"))) release(cat(kLeaseDirs, "/", name), {container_id, {}}, {});
}

}  // namespace rkt::net::builtin
