// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/data.h"
#include "cmd/registry.h"
#include "stage0/stage0.h"

namespace rkt::cmd {
namespace {

int run_gc(cli::Env& env, const cli::Parsed& in) {
  const auto pods = pod::Pods::open(env.data_dir());
  auto store = open_store(env);
  const stage0::GcOptions options{.grace_period = in.duration("grace-period"),
                                  .expire_prepared = in.duration("expire-prepared"),
                                  .mark_only = in.on("mark-only"),
                                  .local_config = env.globals().dirs.local,
                                  .debug = env.globals().debug,
                                  .out = [&](std::string_view line) { env.report(cat(line, "\n")); },
                                  .err = [&](std::string_view line) { env.err(line); }};
  return stage0::gc(store, pods, options) ? 0 : 254;
}

}  // namespace

const cli::Command gc{
    .name = "gc",
    .args = "[--grace-period=duration] [--expire-prepared=duration]",
    .brief = "Garbage collect rkt pods no longer in use",
    .description = "Marks pods that ended, and removes those that were marked longer ago than the grace period.",
    .flags =
        [] {
          return cli::Flags{cli::duration("grace-period", "30m0s", "how long a pod stays after it was marked"),
                            cli::duration("expire-prepared", "24h0m0s", "how long a prepared pod stays"),
                            cli::toggle("mark-only", false, "mark pods that ended, remove nothing")};
        },
    .power = cli::Command::Power::root,
    .run = run_gc};

}  // namespace rkt::cmd
