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

cli::Flags run_flags() {
  cli::Flags out = cli::pod_flags();
  for (auto list : {cli::network_flags(), cli::app_flags()})
    for (auto& f : list) out.push_back(std::move(f));
  out.push_back(cli::text("uuid-file-save", "", "write out pod UUID to specified file"));
  return out;
}

int run_pod(cli::Env& env, const cli::Parsed& in) {
  stage0::PrepareRequest request = cli::pod_request(in);
  stage0::RunOptions options = cli::run_options(in);
  options.insecure = env.globals().insecure;
  options.local_config = env.globals().dirs.local;
  options.debug = env.globals().debug;
  options.trees = env.trees_to_use();
  cli::pull_policy(in);
  stage0::check_run_options(options, !request.ports.empty());
  if (options.interactive && in.images.size() > 1)
    throw Error(Errc::usage, "interactive option only supports one image");
  if (in.images.empty() && !request.pod_manifest_bytes)
    throw Error(Errc::usage, "must provide at least one image or specify the pod manifest");
  store::Store store = open_store(env);
  find_images(env, store, in, request, "");
  env.warn_before_running();
  request.trees = env.trees_to_use();
  const pod::Pods pods = pod::Pods::open(env.data_dir());
  stage0::NewPod pod = stage0::make_pod(pods, in.text("uuid-file-save"), in.text("pod-name"));
  const appc::PodManifest manifest = stage0::prepare(store, pod, request);
  stage0::run(store, pods, std::move(pod), manifest, options);
}

}  // namespace

const cli::Command run{
    .name = "run",
    .args = "[--volume=name,kind=host,...] [--mount volume=VOL,target=PATH] IMAGE [-- image-args...[---]]...",
    .brief = "Run image(s) in a pod in rkt",
    .description = {},
    .flags = run_flags,
    .args_mode = cli::Command::Args::images,
    .app_args = true,
    .power = cli::Command::Power::root,
    .run = run_pod};

}  // namespace rkt::cmd
