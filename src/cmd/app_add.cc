// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/app_flags.h"
#include "cli/env.h"
#include "cmd/data.h"
#include "cmd/pod_argument.h"
#include "cmd/pod_request.h"
#include "cmd/registry.h"

namespace rkt::cmd {
namespace {

// The one image. What stands between the pod and it is meant for it, too: there is no other that could be.
cli::ImageArgs added_image(const cli::Parsed& in) {
  if (in.images.size() < 2) throw Error(Errc::usage, "must provide the pod UUID and an IMAGEID");
  if (in.images.size() > 2 || !in.images[0].args.empty()) throw Error(Errc::usage, "must give only one app");
  cli::ImageArgs out = in.images[1];
  out.flags.insert(out.flags.begin(), in.images[0].flags.begin(), in.images[0].flags.end());
  return out;
}

int run_app_add(cli::Env& env, const cli::Parsed& in) {
  const cli::ImageArgs added = added_image(in);
  const auto pods = open_pods(env);
  auto pod = open_pod(pods, in.images[0].image);
  const std::string id = quoted(pod.id().str());
  if (pod.state() != pod::State::running) throw Error(Errc::invalid, cat("pod ", id, " isn't currently running"));
  if (!pod.supervisor_ready()) throw Error(Errc::busy, cat("supervisor for pod ", id, " is not yet ready"));
  stage0::become_root_for(pods, pod);
  store::Store store = open_store(env);
  stage0::AppRequest request = cli::added_app_request(added);
  request.trees = env.trees_to_use();
  in_context([] { return std::string("error finding images"); },
             [&] {
               const keystore::Keystore keys = env.keystore();
               image::Finder finder(store, &keys, env.config(), find_options(env, "never"));
               request.image = finder.find({.argument = added.image, .signature_file = ""});
               request.manifest = request.image.read_manifest();
             });
  in_context([] { return std::string("error adding app to pod"); },
             [&] { stage0::add_app(store, pods, pod.id(), request, env.globals().debug); });
  return 0;
}

}  // namespace

const cli::Command app_add{
    .name = "app add",
    .args = "UUID IMAGEID [--name=NAME] ... [-- image-args...]",
    .brief = "Add an app to a pod",
    .description =
        "Adds an image of the store to a pod that rkt app sandbox made; rkt app start starts it. Arguments replace "
        "those of the image.",
    .flags = cli::added_app_flags,
    .args_mode = cli::Command::Args::images,
    .app_args = true,
    .power = cli::Command::Power::pod,
    .run = run_app_add};

}  // namespace rkt::cmd
