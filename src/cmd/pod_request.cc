// SPDX-License-Identifier: Apache-2.0
#include "cmd/pod_request.h"

#include "base/error.h"
#include "base/strings.h"
#include "cli/app_flags.h"
#include "image/finder.h"
#include "image/stage1_choice.h"

namespace rkt::cmd {
namespace {

image::Stage1Flags stage1_flags(const cli::Parsed& in) {
  return {.url = in.text("stage1-url"),
          .path = in.text("stage1-path"),
          .name = in.text("stage1-name"),
          .hash = in.text("stage1-hash"),
          .from_dir = in.text("stage1-from-dir")};
}

void find_image_of(stage0::AppRequest& app, image::Finder& finder, const cli::ImageArgs& in) {
  app.image = finder.find({.argument = in.image, .signature_file = in.last("signature").value_or("")});
  app.manifest = app.image.read_manifest();
}

void find_named_in_manifest(image::Finder& finder, const std::string& id, std::size_t app) {
  in_place([&] { return cat("apps[", app, "].image.id"); },
           [&] { finder.find({.argument = id, .signature_file = ""}); });
}

}  // namespace

image::FindOptions find_options(cli::Env& env, const std::string& pull_policy) {
  env.warn_before_fetching();
  image::FindOptions o;
  o.pull = pull_policy == "never"    ? image::PullPolicy::never
           : pull_policy == "update" ? image::PullPolicy::update
                                     : image::PullPolicy::fresh;
  o.insecure = env.globals().insecure;
  o.trust_keys_from_https = env.globals().trust_keys_from_https;
  return o;
}

store::ImageRecord find_image(cli::Env& env, store::Store& store, const std::string& argument) {
  const keystore::Keystore keys = env.keystore();
  image::Finder finder(store, &keys, env.config(), find_options(env, "new"));
  return finder.find({.argument = argument, .signature_file = ""});
}

store::ImageRecord find_stage1(cli::Env& env, store::Store& store, const cli::Parsed& in) {
  const image::Stage1Flags stage1 = stage1_flags(in);
  const keystore::Keystore keys = env.keystore();
  image::FindOptions options = find_options(env, "new");
  options.with_dependencies = false;
  image::Finder finder(store, &keys, env.config(), options);
  return image::find_stage1(finder, store, env.config(), stage1);
}

void find_images(cli::Env& env, store::Store& store, const cli::Parsed& in, stage0::PrepareRequest& request,
                 std::string_view frame) {
  for (const auto& image : in.images) request.apps.push_back(cli::app_request(image));
  // The reference finds out about a mount without a volume before it fetches anything.
  stage0::check_mounts(request);
  request.stage1 = find_stage1(env, store, in);
  const keystore::Keystore keys = env.keystore();
  image::Finder finder(store, &keys, env.config(), find_options(env, cli::pull_policy(in)));
  const auto ids =
      request.pod_manifest_bytes ? stage0::image_ids(*request.pod_manifest_bytes) : std::vector<std::string>{};
  try {
    for (std::size_t i = 0; i < ids.size(); ++i) find_named_in_manifest(finder, ids[i], i);
    for (std::size_t i = 0; i < in.images.size(); ++i) find_image_of(request.apps[i], finder, in.images[i]);
  } catch (Error& e) {
    if (!frame.empty()) e.push(std::string(frame));
    throw;
  }
}

}  // namespace rkt::cmd
