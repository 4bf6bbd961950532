// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/app_flags.h"
#include "cli/env.h"
#include "cmd/data.h"
#include "cmd/pod_request.h"
#include "cmd/registry.h"
#include "image/finder.h"
#include "tree/early.h"

namespace rkt::cmd {
namespace {

void check_progress(const std::string& v) {
  if (!v.empty() && v != "json")
    throw Error(Errc::usage, cat("unknown progress form ", quoted(v), ", only \"json\" is known"));
}

cli::Flags flags() {
  cli::Flags out = cli::pull_flags("update");
  out.push_back(cli::signature_flag());
  out.push_back(cli::toggle("full", false, "print the full image ID after fetching"));
  out.push_back(cli::checked(cli::text("progress", "", "\"json\": progress as JSON lines on stderr"), check_progress));
  return out;
}

int fetch_images(cli::Env& env, const cli::Parsed& in) {
  if (in.images.empty()) throw Error(Errc::usage, "must provide at least one image");
  image::FindOptions options = find_options(env, cli::pull_policy(in));
  options.ids_are_store_lookups = false;
  options.json_progress = in.text("progress") == "json";
  store::Store store = open_store(env);
  const keystore::Keystore keys = env.keystore();
  tree::EarlyTrees trees(store, env.globals().trees);
  options.layer_user = &trees;
  image::Finder finder(store, &keys, env.config(), options);
  std::string ids;
  for (const auto& image : in.images) {
    const auto record = finder.find({.argument = image.image, .signature_file = image.last("signature").value_or("")});
    trees.finish(record);
    const auto id = appc::ImageId::parse(record.key);
    ids += cat(in.on("full") || !id ? record.key : id->short_fetch(), "\n");
  }
  env.out(ids);
  return 0;
}

cli::Command named(std::string_view name, bool hidden) {
  return {.name = name,
          .args = "IMAGE_URL...",
          .brief = "Fetch image(s) and store them in the local store",
          .description = {},
          .flags = flags,
          .args_mode = cli::Command::Args::images,
          .hidden = hidden,
          .run = fetch_images};
}

}  // namespace

const cli::Command fetch = named("fetch", false), image_fetch = named("image fetch", true);

}  // namespace rkt::cmd
