// SPDX-License-Identifier: Apache-2.0
#include "stage0/ports.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::stage0 {
namespace {

bool is_v6(std::string_view ip) { return ip.find(':') != std::string_view::npos; }
bool is_any(std::string_view ip) { return ip.empty() || ip == "0.0.0.0" || ip == "::"; }

// Ports with the same key may meet.
auto key(const Forward& f) { return std::tie(f.protocol, f.host_port); }

const appc::Port& port_named(const appc::ExposedPort& exposed, const std::vector<const appc::App*>& apps) {
  const appc::Port* found = nullptr;
  for (const auto* app : apps)
    for (const auto& port : app->ports) {
      if (port.name != exposed.name) continue;
      if (found != nullptr)
        throw Error(Errc::invalid, cat("port name ", quoted(exposed.name.str()), " defined multiple apps"));
      found = &port;
    }
  if (found == nullptr)
    throw Error(Errc::invalid, cat("port name ", quoted(exposed.name.str()), " could not be found in any apps"));
  return *found;
}

std::string read_protocol(const appc::Port& port) {
  std::string out = lower(port.protocol);
  if (out != "tcp" && out != "udp" && out != "sctp")
    throw Error(Errc::unsupported, cat("port ", quoted(port.name.str()), " has protocol ", quoted(port.protocol),
                                       ": tcp, udp and sctp can be forwarded"));
  return out;
}

}  // namespace

bool Forward::meets(const Forward& o) const {
  if (key(*this) != key(o)) return false;
  if (host_ip.empty() || o.host_ip.empty() || host_ip == o.host_ip) return true;
  return is_v6(host_ip) == is_v6(o.host_ip) && (is_any(host_ip) || is_any(o.host_ip));
}

std::string Forward::str() const {
  const std::string ip = host_ip.empty() ? "0.0.0.0" : is_v6(host_ip) ? cat("[", host_ip, "]") : host_ip;
  return cat(protocol, "-", ip, ":", host_port);
}

std::vector<appc::ExposedPort> expand_ranges(const std::vector<appc::ExposedPort>& ports,
                                             const std::vector<const appc::App*>& apps) {
  std::vector<appc::ExposedPort> out;
  for (const auto& exposed : ports) {
    if (exposed.count == 1) {
      out.push_back(exposed);
      continue;
    }
    const appc::Port& port = exposed.pod_port ? *exposed.pod_port : port_named(exposed, apps);
    if (port.count < exposed.count)
      throw Error(Errc::invalid,
                  cat("port ", quoted(exposed.name.str()), " has ", port.count, port.count == 1 ? " port" : " ports",
                      ", but ", exposed.count, " ports of the host are to lead there"));
    for (std::uint16_t i = 0; i < exposed.count; ++i) {
      appc::ExposedPort& one = out.emplace_back(exposed);
      one.count = 1;
      one.host_port = static_cast<std::uint16_t>(exposed.host_port + i);
      one.pod_port =
          appc::Port{.name = port.name, .protocol = port.protocol, .port = static_cast<std::uint16_t>(port.port + i)};
    }
  }
  return out;
}

std::vector<Forward> resolve_ports(const std::vector<appc::ExposedPort>& ports,
                                   const std::vector<const appc::App*>& apps) {
  std::vector<Forward> out;
  for (const auto& exposed : ports) {
    const appc::Port& port = exposed.pod_port ? *exposed.pod_port : port_named(exposed, apps);
    out.push_back({.protocol = read_protocol(port),
                   .host_ip = exposed.host_ip,
                   .host_port = exposed.host_port,
                   .pod_port = port.port});
  }
  std::vector<const Forward*> sorted;
  for (const auto& f : out) sorted.push_back(&f);
  std::ranges::stable_sort(sorted, {}, [](const Forward* f) { return key(*f); });
  for (std::size_t i = 0; i < sorted.size(); ++i)
    for (std::size_t j = i + 1; j < sorted.size() && key(*sorted[i]) == key(*sorted[j]); ++j)
      if (sorted[j]->meets(*sorted[i]))
        throw Error(Errc::invalid, cat("port ", sorted[j]->str(), " already mapped to pod port ", sorted[i]->pod_port));
  return out;
}

std::string write_forwards(const std::vector<Forward>& forwards) {
  std::string out;
  for (const auto& f : forwards)
    out += cat(f.protocol, " ", f.host_ip.empty() ? "*" : f.host_ip, " ", f.host_port, " ", f.pod_port, "\n");
  return out;
}

std::vector<Forward> parse_forwards(std::string_view text) {
  std::vector<Forward> out;
  for (const auto line : split(text, '\n')) {
    const auto words = split(line, ' ');
    if (words.size() != 4) continue;
    const auto host = parse_int<std::uint16_t>(words[2]), pod = parse_int<std::uint16_t>(words[3]);
    if (!host || !pod) continue;
    out.push_back({.protocol = std::string(words[0]),
                   .host_ip = words[1] == "*" ? std::string() : std::string(words[1]),
                   .host_port = *host,
                   .pod_port = *pod});
  }
  return out;
}

std::optional<Forward> find_meeting(const std::vector<Forward>& wanted, const std::vector<Forward>& taken) {
  std::vector<const Forward*> sorted;
  for (const auto& f : taken) sorted.push_back(&f);
  const auto by_key = [](const Forward* f) { return key(*f); };
  std::ranges::sort(sorted, {}, by_key);
  for (const auto& f : wanted)
    for (const auto* other : std::ranges::equal_range(sorted, key(f), {}, by_key))
      if (f.meets(*other)) return f;
  return std::nullopt;
}

}  // namespace rkt::stage0
