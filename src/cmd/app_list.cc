// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cli/table.h"
#include "cmd/data.h"
#include "cmd/pod_argument.h"
#include "cmd/registry.h"
#include "pod/app_state.h"

namespace rkt::cmd {
namespace {

int run_app_list(cli::Env& env, const cli::Parsed& in) {
  if (in.args.size() != 1) throw Error(Errc::usage, "must provide the pod UUID").exit_with(1);
  try {
    const auto pods = open_pods(env);
    const auto pod = open_pod(pods, in.args.front());
    in_context(
        [] { return std::string("error listing apps"); },
        [&] {
          const auto manifest = pod.manifest();
          std::vector<cli::Row> rows;
          if (!in.on("no-legend")) rows.push_back({"NAME", "STATE"});
          for (const auto& app : manifest.apps)
            rows.push_back({app.name.str(), pod::look_at_app(pod, app.name.str(), pod::is_mutable(manifest)).state});
          env.out(rows.empty() ? "" : cli::table(rows));
        });
  } catch (Error& e) {
    e.exit_with(1);
    throw;
  }
  return 0;
}

}  // namespace

const cli::Command app_list{.name = "app list",
                            .args = "UUID",
                            .brief = "List apps in a pod",
                            .description = {},
                            .flags = [] { return cli::Flags{cli::toggle("no-legend", false, "leave out the header")}; },
                            .run = run_app_list};

}  // namespace rkt::cmd
