// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cli/table.h"
#include "cmd/data.h"
#include "cmd/pod_argument.h"
#include "cmd/registry.h"
#include "cmd/wait.h"
#include "pod/describe.h"

namespace rkt::cmd {
namespace {

using pod::State;

std::string app_lines(const pod::Pod& pod, bool ran) {
  std::string out;
  const auto manifest = pod.manifest();
  for (const auto& app : manifest.apps) {
    const std::string& name = app.name.str();
    if (const auto restarts = pod.app_restarts(name); restarts > 0) out += cat("restarts-", name, "=", restarts, "\n");
    const auto code = ran ? pod.app_exit_code(name) : std::nullopt;
    if (!code) continue;
    out += cat("app-", name, "=", *code, "\n");
    if (const auto reason = pod.app_end_reason(name); !reason.empty()) out += cat("reason-", name, "=", reason, "\n");
  }
  return out;
}

std::string status_text(const pod::Pod& pod) {
  const State s = pod.state();
  std::string out = cat("state=", pod::state_name(s), "\n");
  out += cat("created=", cli::absolute_time(pod.created().value_or(pod::TimePoint{})), "\n");
  if (s == State::gone) return out;
  if (const auto t = pod.started()) out += cat("started=", cli::absolute_time(*t), "\n");
  if (s == State::running || s == State::exited)
    out += cat("networks=", printable(pod::networks_text(pod.networks())), "\n");
  const bool ran =
      s == State::deleting || s == State::exited_deleting || s == State::exited || s == State::exited_garbage;
  if (!ran && s != State::running) return out;
  if (const auto pid = pod.pid()) out += cat("pid=", *pid, "\n");
  out += cat("exited=", s == State::exited || s == State::exited_garbage ? "true" : "false", "\n");
  return out + app_lines(pod, ran);
}

// Behind everything that the reference prints.
std::string name_line(const pod::Pod& pod) {
  const std::string name = pod.state() == State::gone ? "" : pod.name();
  return name.empty() ? "" : cat("pod-name=", name, "\n");
}

json::Value converted(const pod::Pod& pod) {
  return in_place([] { return "error converting pod"; }, [&] { return pod::describe(pod); });
}

int run_status(cli::Env& env, const cli::Parsed& in) {
  const auto texts = pod_texts(in, 1);
  if (texts.size() != 1) throw cli::UsageWanted{};
  const Wait ready = Wait::parse(in.text("wait-ready")), finished = Wait::parse(in.text("wait"));
  const auto pods = open_pods(env);
  auto pod = open_pod(pods, texts.front());
  wait_for(pods, pod, ready, finished);
  const std::string& format = in.text("format");
  env.out(in_context([] { return std::string("unable to print status"); },
                     [&] {
                       if (format.empty()) return status_text(pod) + name_line(pod);
                       const auto value = converted(pod);
                       return cat(json::write(value, format == "json" ? json::Style::compact : json::Style::pretty),
                                  "\n");
                     }));
  return 0;
}

}  // namespace

const cli::Command status{
    .name = "status",
    .args = "[--wait=bool|timeout] [--wait-ready=bool|timeout] --uuid-file=FILE | UUID",
    .brief = "Check the status of a rkt pod",
    .description = "Prints the state of a pod and how its apps ended, as KEY=VALUE lines.",
    .flags =
        [] {
          return cli::Flags{wait_flag("wait", "wait until the pod has ended, at most that long"),
                            wait_flag("wait-ready", "wait until the pod's supervisor is ready, at most that long"),
                            cli::uuid_file(), cli::format()};
        },
    .run = run_status};

}  // namespace rkt::cmd
