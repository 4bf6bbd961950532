// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/registry.h"
#include "image/finder.h"
#include "tree/tree.h"

namespace rkt::cmd {
namespace {

store::ImageRecord looked_up(store::Store& store, const std::string& arg) {
  try {
    return image::lookup(store, arg);
  } catch (const Error& e) {
    if (e.code() != Errc::not_found) throw;
    throw Error(Errc::not_found, "cannot find image").hint(e.cause());
  }
}

void verify_one(cli::Env& env, store::Store& store, const std::string& arg) {
  const auto record = in_context([&] { return cat("unable to resolve store key for image ", arg); },
                                 [&] { return looked_up(store, arg); });
  const std::string id = in_context([&] { return cat("unable to get treestoreID for image ", arg); },
                                    [&] { return tree::tree_id(store, record); });
  try {
    (void)tree::open(store, id, {.check = false});
  } catch (const Error& e) {
    if (e.code() == Errc::not_found)
      return env.out(cat("image ", quoted(arg), " not rendered; no verification needed\n"));
    if (e.code() != Errc::untrusted) throw;  // that is what it is for
  }
  const auto difference = in_context([&] { return cat("unable to repair cache for image ", arg); },
                                     [&] { return tree::verify(store, record); });
  if (difference)
    env.report(cat("tree cache verification failed for image ", arg, ": ", *difference, ";  rebuilding...\n"));
  else
    env.report(cat("successfully verified checksum for image: ", quoted(arg), " (", quoted(record.key), ")\n"));
}

int run_image_verify(cli::Env& env, const cli::Parsed& in) {
  if (in.args.empty()) throw Error(Errc::usage, "must provide at least one image ID");
  store::Store store = store::Store::open(env.data_dir());
  for (const auto& arg : in.args) verify_one(env, store, arg);
  return 0;
}

}  // namespace

const cli::Command image_verify{.name = "image verify",
                                .args = "IMAGE...",
                                .brief = "Verify one or more rendered images in the local store",
                                .power = cli::Command::Power::trees,
                                .run = run_image_verify};

}  // namespace rkt::cmd
