// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/image_directory.h"
#include "cmd/output_file.h"
#include "cmd/registry.h"
#include "image/finder.h"
#include "sys/file.h"
#include "tree/tree.h"

namespace rkt::cmd {
namespace {

int run_image_render(cli::Env& env, const cli::Parsed& in) {
  if (in.args.size() != 2) throw cli::UsageWanted{};
  store::Store store = store::Store::open(env.data_dir());
  const auto record = image::lookup(store, in.args[0]);
  OutputDirectory out(in.args[1], in.on("overwrite"), env.data_dir());
  const auto rendered = tree::render(store, record, env.trees_to_use());
  filling(in.args[1], [&] {
    tree::copy(rendered, out.dir().make_sub("rootfs"));
    write_file(out.dir(), "manifest", record.manifest, 0700);
  });
  out.finish(in.on("rootfs-only") ? "rootfs" : "");
  return 0;
}

}  // namespace

const cli::Command image_render{.name = "image render",
                                .args = "IMAGE OUTPUT_DIR",
                                .brief = "Render a stored image to a directory with all its dependencies",
                                .flags =
                                    [] {
                                      return cli::Flags{cli::toggle("rootfs-only", false, "render rootfs only"),
                                                        cli::toggle("overwrite", false, "overwrite output directory")};
                                    },
                                .power = cli::Command::Power::root,
                                .run = run_image_render};

}  // namespace rkt::cmd
