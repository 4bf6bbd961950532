// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/registry.h"
#include "image/finder.h"

namespace rkt::cmd {
namespace {

int run_image_cat_manifest(cli::Env& env, const cli::Parsed& in) {
  if (in.args.size() != 1) throw cli::UsageWanted{};
  const store::Store store = store::Store::open(env.data_dir());
  const auto manifest = image::lookup(store, in.args[0]).read_manifest();
  env.out(appc::write(manifest, in.on("pretty-print") ? json::Style::pretty : json::Style::compact) + "\n");
  return 0;
}

}  // namespace

const cli::Command image_cat_manifest{
    .name = "image cat-manifest",
    .args = "IMAGE",
    .brief = "Inspect and print the image manifest",
    .flags = [] { return cli::Flags{cli::toggle("pretty-print", true, "apply indent to format the output")}; },
    .run = run_image_cat_manifest};

}  // namespace rkt::cmd
