// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/app_flags.h"
#include "cli/env.h"
#include "cmd/data.h"
#include "cmd/pod_request.h"
#include "cmd/registry.h"

namespace rkt::cmd {
namespace {

int run_sandbox(cli::Env& env, const cli::Parsed& in) {
  stage0::PrepareRequest request = cli::sandbox_request(in);  // wrong flags end with 254, like everywhere
  stage0::RunOptions options = cli::sandbox_options(in);
  try {
    options.insecure = env.globals().insecure;
    options.local_config = env.globals().dirs.local;
    options.debug = env.globals().debug;
    options.trees = request.trees = env.trees_to_use();
    stage0::check_run_options(options, !request.ports.empty());
    store::Store store = open_store(env);
    request.stage1 = find_stage1(env, store, in);
    const pod::Pods pods = pod::Pods::open(env.data_dir());
    stage0::NewPod pod = stage0::make_pod(pods, in.text("uuid-file-save"), in.text("pod-name"));
    const appc::PodManifest manifest = stage0::prepare(store, pod, request);
    stage0::run(store, pods, std::move(pod), manifest, options);
  } catch (Error& e) {
    e.exit_with(1);
    throw;
  }
}

}  // namespace

const cli::Command app_sandbox{
    .name = "app sandbox",
    .args = "",
    .brief = "Create an empty pod application sandbox",
    .description =
        "Runs a pod without apps in the foreground. Apps are added to it and removed again with rkt app add, "
        "start, stop and rm; it ends when it is asked to, not when its apps do.",
    .flags = cli::sandbox_flags,
    .power = cli::Command::Power::root,
    .run = run_sandbox};

}  // namespace rkt::cmd
