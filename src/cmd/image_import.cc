// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/pod_request.h"
#include "cmd/registry.h"
#include "image/finder.h"
#include "tree/tree.h"

namespace rkt::cmd {
namespace {

int run_image_import(cli::Env& env, const cli::Parsed& in) {
  if (in.args.size() != 1) throw cli::UsageWanted{};
  if (in.given("name") && in.text("name").empty()) throw Error(Errc::usage, "--name is empty");
  const image::FindOptions options = find_options(env, "new");
  store::Store store = store::Store::open(env.data_dir());
  const keystore::Keystore keys = env.keystore();
  image::Finder finder(store, &keys, env.config(), options);
  const auto record = finder.import(in.args[0], in.text("name"));
  tree::render_fetched(store, record, env.globals().trees);
  const auto id = appc::ImageId::parse(record.key);
  env.out(cat(in.on("full") || !id ? record.key : id->short_fetch(), "\n"));
  return 0;
}

}  // namespace

const cli::Command image_import{
    .name = "image import",
    .args = "SOURCE",
    .brief = "Import an image of another tool from a file or directory",
    .description =
        "SOURCE is what `docker save` or `podman save` wrote, an OCI layout or an archive of one, or a directory\n"
        "with `manifest` and `rootfs`. FILE:NAME chooses one of several images; \"-\" is standard input.",
    .flags =
        [] {
          return cli::Flags{cli::text("name", "", "NAME[:VERSION] of the image in the store"),
                            cli::toggle("full", false, "print the full image ID")};
        },
    .run = run_image_import};

}  // namespace rkt::cmd
