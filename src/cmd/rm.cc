// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/data.h"
#include "cmd/pod_argument.h"
#include "cmd/registry.h"
#include "stage0/stage0.h"

namespace rkt::cmd {
namespace {

constexpr const char* kFailed = "failed to remove one or more pods";

void remove_one(cli::Env& env, store::Store& store, const pod::Pods& pods, const std::string& text) {
  const auto pod = open_pod(pods, text, "cannot get pod");
  const std::string name = quoted(pod.id().str());
  if (pod.state() == pod::State::aborted_prepare) env.err(cat("moving failed prepare ", name, " to garbage"));
  if (pod.state() == pod::State::prepared) env.err(cat("moving expired prepared pod ", name, " to garbage"));
  stage0::remove_pod(store, pods, pod.id(), env.globals().dirs.local, env.globals().debug);
  env.report(cat(name, "\n"));
}

int run_rm(cli::Env& env, const cli::Parsed& in) {
  std::vector<std::string> texts;
  try {
    texts = pod_texts(in);
  } catch (const Error& e) {
    env.err(env.globals().debug ? e.tree() : e.brief());
    throw Error(Errc::not_found, kFailed);
  }
  const auto pods = open_pods(env, "cannot get pod");
  auto store = open_store(env);
  bool failed = false;
  for (const auto& text : texts) {
    try {
      remove_one(env, store, pods, text);
    } catch (const Error& e) {
      env.err(env.globals().debug ? e.tree() : e.brief());
      failed = true;
    }
  }
  if (failed) throw Error(Errc::system, kFailed);
  return 0;
}

}  // namespace

const cli::Command rm{.name = "rm",
                      .args = "--uuid-file=FILE | UUID ...",
                      .brief = "Remove all files and resources associated with an exited pod",
                      .description = "Removes pods that do not run, with everything they left on the host.",
                      .flags = [] { return cli::Flags{cli::uuid_file()}; },
                      .power = cli::Command::Power::root,
                      .run = run_rm};

}  // namespace rkt::cmd
