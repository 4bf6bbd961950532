// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/image_removal.h"
#include "cmd/registry.h"
#include "image/finder.h"

namespace rkt::cmd {
namespace {

int run_image_rm(cli::Env& env, const cli::Parsed& in) {
  if (in.args.empty()) throw Error(Errc::usage, "must provide at least one image ID");
  store::Store store = store::Store::open(env.data_dir());
  std::vector<store::ImageRecord> victims;
  for (const auto& arg : in.args) {
    try {
      auto found = image::lookup(store, arg);
      const bool twice = std::ranges::any_of(victims, [&](const auto& v) { return v.key == found.key; });
      if (!twice) victims.push_back(std::move(found));
    } catch (const Error& e) {
      env.err(log::debug_on() ? e.tree() : e.brief());  // as the reference: said, and no reason to fail
    }
  }
  remove_images(env, store, victims);
  return 0;
}

}  // namespace

const cli::Command image_rm{.name = "image rm",
                            .args = "IMAGE...",
                            .brief = "Remove image(s) with the given ID(s) or name(s) from the local store",
                            .power = cli::Command::Power::trees,
                            .run = run_image_rm};

}  // namespace rkt::cmd
