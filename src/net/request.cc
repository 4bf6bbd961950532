// SPDX-License-Identifier: Apache-2.0
#include "net/request.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "schema/cni/version.h"

namespace rkt::net {
namespace {

// The last version before chains existed, and what a converted result says instead.
constexpr const char* kChainVersion = "0.4.0";

json::Object without(const json::Object& object, std::string_view name) {
  json::Object out;
  for (const auto& [key, value] : object.members())
    if (key != name) out.set(key, value);
  return out;
}

constexpr const char* kPortMappings = "portMappings";

bool declares(const json::Object& config, std::string_view capability) {
  const auto* capabilities = config.find("capabilities");
  const auto* object = capabilities != nullptr ? capabilities->as_object() : nullptr;
  const auto* declared = object != nullptr ? object->find(capability) : nullptr;
  const bool* on = declared != nullptr ? declared->as_bool() : nullptr;
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
  return list;
}

json::Object runtime_config(const json::Object& plugin, const json::Object& values) {
  json::Object out;
  for (const auto& [capability, value] : values.members())
    if (declares(plugin, capability)) out.set(capability, value);
  return out;
}

Step portmap_step(const cni::NetworkConfig& config, const json::Value& mappings) {
  Step step{.type = "portmap", .config = {}, .bytes = {}};
  step.config.set("cniVersion", cni::has_chains(config.cni_version) ? config.cni_version : std::string(kChainVersion));
  step.config.set("name", config.name);
  step.config.set("type", "portmap");
  step.config.set("snat", true);
  json::Object runtime;
  runtime.set(kPortMappings, mappings);
  step.config.set("runtimeConfig", std::move(runtime));
  return step;
}

bool somebody_declares(const cni::NetworkConfig& config, std::string_view capability) {
  return std::ranges::any_of(config.plugins,
                             [&](const cni::Plugin& plugin) { return declares(plugin.config, capability); });
}

}  // namespace

std::size_t forwarding_network(const std::vector<bool>& masquerades) {
  const auto it = std::ranges::find(masquerades, true);
  return it != masquerades.end() ? static_cast<std::size_t>(it - masquerades.begin()) : masquerades.size() - 1;
}

std::vector<Step> plan_steps(const cni::NetworkConfig& config, const std::vector<PortForward>& ports,
                             const json::Object& values) {
  for (const auto& [capability, value] : values.members())
    if (!somebody_declares(config, capability))
      throw Error(Errc::usage, cat("no plugin of the network declares the capability ", quoted(capability)))
          .hint(cat("declare it in the configuration: \"capabilities\": {", quoted(capability), ": true}"));
  json::Object all = values;
  if (!ports.empty()) all.set(kPortMappings, port_mappings(ports));
  std::vector<Step> out;
  for (const auto& plugin : config.plugins) {
    Step step{.type = plugin.type, .config = without(plugin.config, "capabilities"), .bytes = {}};
    const bool negotiated = config.versions.size() > 1;
    if (config.is_list || negotiated) step.config.set("cniVersion", config.cni_version);
    if (config.is_list) step.config.set("name", config.name);
    json::Object runtime = runtime_config(plugin.config, all);
    if (!config.is_list && !negotiated && runtime.empty()) step.bytes = config.bytes;
    if (!runtime.empty()) step.config.set("runtimeConfig", std::move(runtime));
    out.push_back(std::move(step));
  }
  if (!ports.empty() && !somebody_declares(config, kPortMappings))
    out.push_back(portmap_step(config, *all.find(kPortMappings)));
  return out;
}

std::string gc_input(const Step& step, const std::vector<AttachmentName>& valid) {
  json::Array list;
  for (const auto& a : valid) {
    json::Object o;
    o.set("containerID", a.container_id);
    o.set("ifname", a.if_name);
    list.emplace_back(std::move(o));
  }
  json::Object config = step.config;
  config.set("cni.dev/valid-attachments", list);
  config.set("cni.dev/attachments", std::move(list));
  return json::write(json::Value(std::move(config)));
}

std::string plugin_input(const Step& step, const json::Value* prev_result) {
  if (prev_result == nullptr) return step.bytes.empty() ? json::write(json::Value(step.config)) : step.bytes;
  json::Object config = step.config;
  config.set("prevResult", *prev_result);
  return json::write(json::Value(std::move(config)));
}

json::Value chained_result(const cni::Result& result, std::string_view cni_version, std::string_view if_name,
                           std::string_view netns) {
  if (cni::has_chains(cni_version)) return result.raw;
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

void check_families(const std::vector<PortForward>& ports, const cni::Result& result) {
  for (const auto& p : ports) {
    const bool v6 = p.host_ip.find(':') != std::string::npos;
    const bool there =
        std::ranges::any_of(result.ips, [&](const cni::Result::Address& a) { return p.host_ip.empty() || a.v6 == v6; });
    if (!there)
      throw Error(Errc::invalid, cat("port ", p.protocol, " ", p.host_port, " cannot be forwarded",
                                     p.host_ip.empty() ? "" : cat(" from ", p.host_ip), ": the pod has no ",
                                     p.host_ip.empty() ? ""
                                     : v6              ? "IPv6 "
                                                       : "IPv4 ",
                                     "address in this network"));
  }
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
