// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/data.h"
#include "cmd/pod_argument.h"
#include "cmd/registry.h"
#include "cmd/stop_request.h"
#include "stage0/stage0.h"

namespace rkt::cmd {
namespace {

void stop_one(cli::Env& env, const pod::Pods& pods, const std::string& text, const stage0::StopRequest& request) {
  const auto pod = open_pod(pods, text, "cannot get pod");
  const std::string name = quoted(pod.id().str());
  if (pod::is_after_run(pod.state()) || pod.state() == pod::State::aborted_prepare) {
    env.report(cat("pod ", name, " is already stopped\n"));
    return;
  }
  if (pod.state() != pod::State::running) throw Error(Errc::invalid, cat("pod ", name, " is not running"));
  in_context([&] { return cat("error stopping ", name); },
             [&] { stage0::stop(open_store(env), pods, pod.id(), request); });
  env.report(cat(name, "\n"));
}

int run_stop(cli::Env& env, const cli::Parsed& in) {
  const auto texts = pod_texts(in, 1);
  const auto request = stop_request(in);
  const auto pods = open_pods(env, "cannot get pod");
  int failed = 0;
  for (const auto& text : texts) {
    try {
      stop_one(env, pods, text, request);
    } catch (const Error& e) {
      env.err(env.globals().debug ? e.tree() : e.brief());
      ++failed;
    }
  }
  if (failed > 0) throw Error(Errc::system, cat("failed to stop ", failed, " pod(s)"));
  return 0;
}

cli::Flags pod_stop_flags() {
  auto out = stop_flags();
  out.push_back(cli::uuid_file());
  return out;
}

}  // namespace

const cli::Command stop{.name = "stop",
                        .args = "[--force | --grace-period=duration] --uuid-file=FILE | UUID ...",
                        .brief = "Stop a pod",
                        .description = "Asks pods to end and does not wait for them.",
                        .flags = pod_stop_flags,
                        .power = cli::Command::Power::pod,
                        .run = run_stop};

}  // namespace rkt::cmd
