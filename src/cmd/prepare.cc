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

cli::Flags prepare_flags() {
  cli::Flags out = cli::pod_flags();
  for (auto& f : cli::app_flags()) out.push_back(std::move(f));
  out.push_back(cli::toggle("quiet", false, "suppress superfluous output on stdout, print only the UUID on success"));
  return out;
}

int prepare_pod(cli::Env& env, const cli::Parsed& in) {
  cli::pull_policy(in);
  stage0::PrepareRequest request = cli::pod_request(in);
  if (in.images.empty() && !request.pod_manifest_bytes)
    throw Error(Errc::usage, "must provide at least one image or specify the pod manifest");
  store::Store store = open_store(env);
  find_images(env, store, in, request, "error finding images");
  request.trees = env.trees_to_use();
  const pod::Pods pods = pod::Pods::open(env.data_dir());
  stage0::NewPod pod = stage0::make_pod(pods, "", in.text("pod-name"));
  const Uuid id = pod.id;
  (void)stage0::prepare(store, pod, request);
  stage0::finish_prepared(store, pods, std::move(pod));
  try {
    env.out(cat(id.str(), "\n"));
  } catch (...) {
    // Nobody would know of it.
    stage0::remove_pod(store, pods, id, env.globals().dirs.local, env.globals().debug);
    throw;
  }
  return 0;
}

}  // namespace

const cli::Command prepare{
    .name = "prepare",
    .args = "[--volume=name,kind=host,...] [--mount volume=VOL,target=PATH] [--quiet] IMAGE [-- image-args...[---]]...",
    .brief = "Prepare to run image(s) in a pod in rkt",
    .description = {},
    .flags = prepare_flags,
    .args_mode = cli::Command::Args::images,
    .app_args = true,
    .power = cli::Command::Power::root,
    .run = prepare_pod};

}  // namespace rkt::cmd
