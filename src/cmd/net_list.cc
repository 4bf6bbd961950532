// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cli/table.h"
#include "cmd/network_json.h"
#include "cmd/registry.h"
#include "stage0/networks.h"

namespace rkt::cmd {
namespace {

std::string place_of(const stage0::NetworkReport& n) {
  if (!n.configured) return "not configured any more";
  return n.file.empty() ? "built in" : n.file;
}

int run_net_list(cli::Env& env, const cli::Parsed& in) {
  if (!in.args.empty()) throw cli::UsageWanted{};
  const auto networks = stage0::report_networks(pod::Pods::open(env.data_dir()), env.globals().dirs.local, false);
  if (const std::string& format = in.text("format"); !format.empty()) {
    env.out(network_json(networks, format == "json" ? json::Style::compact : json::Style::pretty, false));
    return 0;
  }
  std::vector<cli::Row> rows;
  if (!in.on("no-legend")) rows.push_back({"NETWORK", "PLUGINS", "VERSION", "SERVED BY", "PODS", "CONFIGURATION"});
  for (const auto& n : networks)
    rows.push_back({n.name, join(n.plugins, ","), n.cni_version, n.served_by_rkt ? "rkt" : "plugins",
                    cat(n.members.size()), place_of(n)});
  env.out(rows.empty() ? "" : cli::table(rows));
  return 0;
}

}  // namespace

const cli::Command net_list{
    .name = "net list",
    .args = "",
    .brief = "List networks",
    .description = "One row for each network that pods can join or are on.",
    .flags = [] { return cli::Flags{cli::toggle("no-legend", false, "leave out the header"), cli::format()}; },
    .run = run_net_list};

}  // namespace rkt::cmd
