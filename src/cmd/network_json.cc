// SPDX-License-Identifier: Apache-2.0
#include "cmd/network_json.h"

#include "base/strings.h"

namespace rkt::cmd {
namespace {

json::Array texts(const std::vector<std::string>& list) {
  json::Array out;
  for (const auto& s : list) out.emplace_back(s);
  return out;
}

json::Value port_json(const stage0::Forward& f) {
  json::Object o;
  o.set("protocol", f.protocol);
  o.set("host_ip", f.host_ip);
  o.set("host_port", static_cast<int>(f.host_port));
  o.set("pod_port", static_cast<int>(f.pod_port));
  return o;
}

void set_state(json::Object& o, const std::optional<std::string>& fault) {
  o.set("ok", !fault);
  if (fault) o.set("fault", *fault);
}

json::Value member_json(const stage0::NetworkMember& m, bool asked) {
  json::Object o;
  o.set("pod", m.pod.str());
  if (!m.pod_name.empty()) o.set("pod_name", m.pod_name);
  o.set("state", pod::state_name(m.state));
  o.set("interface", m.if_name);
  o.set("addresses", texts(m.addresses));
  json::Array ports;
  for (const auto& p : m.ports) ports.push_back(port_json(p));
  o.set("ports", std::move(ports));
  if (asked && m.state == pod::State::running) set_state(o, m.fault);
  return o;
}

}  // namespace

std::string network_json(const std::vector<stage0::NetworkReport>& networks, json::Style style, bool asked) {
  json::Array out;
  for (const auto& n : networks) {
    json::Object o;
    o.set("name", n.name);
    o.set("plugins", texts(n.plugins));
    o.set("cni_version", n.cni_version);
    o.set("configured", n.configured);
    o.set("configuration", n.file);
    o.set("served_by", n.served_by_rkt ? "rkt" : "plugins");
    if (asked) set_state(o, n.fault);
    json::Array pods;
    for (const auto& m : n.members) pods.push_back(member_json(m, asked));
    o.set("pods", std::move(pods));
    out.emplace_back(std::move(o));
  }
  return cat(json::write(json::Value(std::move(out)), style), "\n");
}

}  // namespace rkt::cmd
