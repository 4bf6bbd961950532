// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cli/table.h"
#include "cmd/network_json.h"
#include "cmd/registry.h"
#include "stage0/networks.h"

namespace rkt::cmd {
namespace {

std::string ports_text(const std::vector<stage0::Forward>& ports) {
  std::vector<std::string> out;
  for (const auto& p : ports) out.push_back(cat(p.str(), "->", p.pod_port));
  return out.empty() ? "-" : join(out, ",");
}

void keep_named(std::vector<stage0::NetworkReport>& networks, const std::vector<std::string>& names) {
  for (const auto& name : names)
    if (std::ranges::find(networks, name, &stage0::NetworkReport::name) == networks.end())
      throw Error(Errc::not_found, cat("networks not found: ", name)).hint("`rkt net list` names them all");
  if (!names.empty())
    std::erase_if(networks, [&](const auto& n) { return std::ranges::find(names, n.name) == names.end(); });
}

bool is_well(const stage0::NetworkReport& n) {
  return !n.fault && std::ranges::none_of(n.members, [](const auto& m) { return m.fault.has_value(); });
}

std::vector<cli::Row> rows_of(const stage0::NetworkReport& n, bool full) {
  std::vector<cli::Row> out;
  if (n.members.empty() || n.fault) out.push_back({n.name, "-", "-", "-", "-", n.fault.value_or("ok")});
  for (const auto& m : n.members) {
    const std::string uuid = full ? m.pod.str() : m.pod.str().substr(0, 8);
    const std::string state =
        m.state == pod::State::running ? m.fault.value_or("ok") : cat("pod is ", pod::state_name(m.state));
    out.push_back({n.name, uuid, m.if_name, join(m.addresses, ","), ports_text(m.ports), state});
  }
  return out;
}

int run_net_status(cli::Env& env, const cli::Parsed& in) {
  auto networks = stage0::report_networks(pod::Pods::open(env.data_dir()), env.globals().dirs.local, true);
  keep_named(networks, in.args);
  const bool well = std::ranges::all_of(networks, is_well);
  if (const std::string& format = in.text("format"); !format.empty()) {
    env.out(network_json(networks, format == "json" ? json::Style::compact : json::Style::pretty, true));
    return well ? 0 : 1;
  }
  std::vector<cli::Row> rows;
  if (!in.on("no-legend")) rows.push_back({"NETWORK", "POD", "INTERFACE", "ADDRESSES", "PORTS", "STATE"});
  for (const auto& n : networks)
    for (auto& row : rows_of(n, in.on("full"))) rows.push_back(std::move(row));
  env.out(rows.empty() ? "" : cli::table(rows));
  return well ? 0 : 1;
}

}  // namespace

const cli::Command net_status{
    .name = "net status",
    .args = "[NETWORK]...",
    .brief = "Check networks and the pods on them",
    .description =
        "One row for each interface of a pod. Asks the plugins how the networks are, and whether the pods' "
        "interfaces are as they were made; ends with status 1 when something is not.",
    .flags =
        [] {
          return cli::Flags{cli::toggle("full", false, "whole identifiers"),
                            cli::toggle("no-legend", false, "leave out the header"), cli::format()};
        },
    .power = cli::Command::Power::root,
    .run = run_net_status};

}  // namespace rkt::cmd
