// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/app_flags.h"
#include "cli/env.h"
#include "cmd/data.h"
#include "cmd/pod_argument.h"
#include "cmd/registry.h"

namespace rkt::cmd {
namespace {

int run_prepared_pod(cli::Env& env, const cli::Parsed& in) {
  if (in.args.size() != 1) throw cli::UsageWanted{};
  stage0::RunOptions options = cli::run_options(in);
  options.insecure = env.globals().insecure;
  options.local_config = env.globals().dirs.local;
  options.debug = env.globals().debug;
  options.trees = env.trees_to_use();
  const pod::Pods pods = open_pods(env);
  const pod::Pod pod = open_pod(pods, in.args.front());
  store::Store store = open_store(env);
  const Uuid id = pod.id();
  if (pod.state() != pod::State::prepared) throw Error(Errc::usage, cat("pod ", quoted(id.str()), " is not prepared"));
  const appc::PodManifest manifest =
      in_context([] { return std::string("cannot read pod manifest"); }, [&] { return pod.manifest(); });
  if (options.interactive && manifest.apps.size() > 1)
    throw Error(Errc::usage, "interactive option only supports pods with one app");
  stage0::check_run_options(options, !manifest.ports.empty());
  env.warn_before_running();
  stage0::run_prepared(store, pods, id, options);
}

}  // namespace

const cli::Command run_prepared{.name = "run-prepared",
                                .args = "UUID",
                                .brief = "Run a prepared application pod in rkt",
                                .description = {},
                                .flags = cli::network_flags,
                                .power = cli::Command::Power::root,
                                .run = run_prepared_pod};

}  // namespace rkt::cmd
