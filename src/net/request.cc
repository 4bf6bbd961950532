// SPDX-License-Identifier: Apache-2.0
#include "net/request.h"

#include <algorithm>

#include "base/strings.h"

namespace rkt::net {
namespace {

// The last version before chains existed, and what a converted result says instead.
constexpr const char* kChainVersion = "0.4.0";

// Major and minor as one number; absent or unreadable is the oldest (networking §14.1).
int version_number(std::string_view version) {
  const auto parts = split(version, '.');
  const auto major = parse_int<int>(parts[0]);
  const auto minor = parts.size() > 1 ? parse_int<int>(parts[1]) : std::nullopt;
  return major && minor ? *major * 1000 + *minor : 1;
}

json::Object without(const json::Object& object, std::string_view name) {
  json::Object out;
  for (const auto& [key, value] : object.members())
    if (key != name) out.set(key, value);
  return out;
}

bool declares_port_mappings(const json::Object& config) {
  const auto* capabilities = config.find("capabilities");
  const auto* object = capabilities != nullptr ? capabilities->as_object() : nullptr;
  const auto* mapping = object != nullptr ? object->find("portMappings") : nullptr;
  const bool* on = mapping != nullptr ? mapping->as_bool() : nullptr;
  return on != nullptr && *on;
}

json::Value port_mappings(const std::vector<PortForward>& ports) {
  json::Array list;
  for (const auto& p : ports) {
    json::Object o;
    o.set("hostPort", unsigned{p.host_port});
    o.set("containerPort", unsigned{p.pod_port});
    o.set("protocol", p.protocol);
    if (!p.host_ip.empty()) o.set("hostIP", p.host_ip);
    list.emplace_back(std::move(o));
  }
  json::Object runtime;
  runtime.set("portMappings", std::move(list));
  return runtime;
}

}  // namespace

bool takes_result_on_del(std::string_view cni_version) { return version_number(cni_version) >= 4; }
bool chains(std::string_view cni_version) { return version_number(cni_version) >= 3; }

std::size_t forwarding_network(const std::vector<bool>& masquerades) {
  const auto it = std::ranges::find(masquerades, true);
  return it != masquerades.end() ? static_cast<std::size_t>(it - masquerades.begin()) : masquerades.size() - 1;
}

std::vector<Step> plan_steps(const cni::NetworkConfig& config, const std::vector<PortForward>& ports) {
  std::vector<Step> out;
  bool forwarded = ports.empty();
  for (const auto& plugin : config.plugins) {
    Step step{.type = plugin.type, .config = without(plugin.config, "capabilities"), .bytes = {}};
    if (config.is_list) {
      step.config.set("cniVersion", config.cni_version);
      step.config.set("name", config.name);
    }
    const bool maps = !forwarded && declares_port_mappings(plugin.config);
    if (maps) step.config.set("runtimeConfig", port_mappings(ports));
    forwarded = forwarded || maps;
    if (!config.is_list && !maps) step.bytes = config.bytes;
    out.push_back(std::move(step));
  }
  if (!forwarded) {
    Step step{.type = "portmap", .config = {}, .bytes = {}};
    step.config.set("cniVersion", chains(config.cni_version) ? config.cni_version : std::string(kChainVersion));
    step.config.set("name", config.name);
    step.config.set("type", "portmap");
    step.config.set("snat", true);
    step.config.set("runtimeConfig", port_mappings(ports));
    out.push_back(std::move(step));
  }
  return out;
}

std::string plugin_input(const Step& step, const json::Value* prev_result) {
  if (prev_result == nullptr) return step.bytes.empty() ? json::write(json::Value(step.config)) : step.bytes;
  json::Object config = step.config;
  config.set("prevResult", *prev_result);
  return json::write(json::Value(std::move(config)));
}

json::Value chained_result(const cni::Result& result, std::string_view cni_version, std::string_view if_name,
                           std::string_view netns) {
  if (chains(cni_version)) return result.raw;
  json::Object interface;
  interface.set("name", if_name);
  interface.set("sandbox", netns);
  json::Array ips;
  for (const auto& a : result.ips) {
    json::Object ip;
    ip.set("version", a.v6 ? "6" : "4");
    ip.set("interface", 0);
    ip.set("address", cat(a.ip, "/", a.prefix));
    if (!a.gateway.empty()) ip.set("gateway", a.gateway);
    ips.emplace_back(std::move(ip));
  }
  json::Object out;
  out.set("cniVersion", kChainVersion);
  out.set("interfaces", json::Array{json::Value(std::move(interface))});
  out.set("ips", std::move(ips));
  return out;
}

std::string dotted_mask(int prefix) {
  const std::uint32_t mask = prefix <= 0 ? 0U : ~0U << (32 - std::min(prefix, 32));
  return cat(mask >> 24, ".", (mask >> 16) & 255U, ".", (mask >> 8) & 255U, ".", mask & 255U);
}

cni::NetInfo net_info(const std::string& name, const std::string& file, const std::string& if_name,
                      const std::string& args, const std::string& plugin, const cni::Result& result) {
  cni::NetInfo info{.net_name = name,
                    .net_conf = cat("net/", file),
                    .plugin_path = plugin,
                    .if_name = if_name,
                    .ip = {},
                    .args = args,
                    .mask = {}};
  const auto v4 = std::ranges::find(result.ips, false, &cni::Result::Address::v6);
  if (v4 != result.ips.end()) {
    info.ip = v4->ip;
    info.mask = dotted_mask(v4->prefix);
  }
  return info;
}

}  // namespace rkt::net
