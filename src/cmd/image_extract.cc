// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/image_directory.h"
#include "cmd/output_file.h"
#include "cmd/registry.h"
#include "image/finder.h"
#include "image/unpack_client.h"
#include "sys/file.h"
#include "tree/tree.h"

namespace rkt::cmd {
namespace {

int run_image_extract(cli::Env& env, const cli::Parsed& in) {
  if (in.args.size() != 2) throw cli::UsageWanted{};
  store::Store store = store::Store::open(env.data_dir());
  const auto record = image::lookup(store, in.args[0]);
  OutputDirectory out(in.args[1], in.on("overwrite"), env.data_dir());
  if (record.kind == store::ImageKind::aci) {
    const UniqueFd blob = store.open_blob(record.blobs.at(0));
    filling(in.args[1], [&] { image::extract_aci(blob.get(), out.dir(), image::UnpackLimits{}); });
  } else {
    // As stored is as layers; what one wants to look at is their sum.
    const auto rendered = tree::render(store, record, env.trees_to_use());
    filling(in.args[1], [&] {
      tree::copy(rendered, out.dir().make_sub("rootfs"));
      write_file(out.dir(), "manifest", record.manifest, 0644);
    });
  }
  out.finish(in.on("rootfs-only") ? "rootfs" : "");
  return 0;
}

}  // namespace

const cli::Command image_extract{.name = "image extract",
                                 .args = "IMAGE OUTPUT_DIR",
                                 .brief = "Extract a stored image to a directory",
                                 .flags =
                                     [] {
                                       return cli::Flags{cli::toggle("rootfs-only", false, "extract rootfs only"),
                                                         cli::toggle("overwrite", false, "overwrite output directory")};
                                     },
                                 .power = cli::Command::Power::trees,
                                 .run = run_image_extract};

}  // namespace rkt::cmd
