// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cli/table.h"
#include "cmd/pod_argument.h"
#include "cmd/registry.h"
#include "pod/describe.h"
#include "pod/wait.h"

namespace rkt::cmd {
namespace {

using pod::State;

struct Wait {
  bool wanted = false;
  pod::Limit limit;  // nullopt: for ever
};

// "", a true spelling or a negative duration: for ever. A false spelling or zero: not at all. Else at most that long.
Wait parse_wait(const std::string& text) {
  if (text.empty()) return {.wanted = true};
  if (const auto b = parse_bool(text)) return {.wanted = *b};
  try {
    const auto limit = cli::parse_duration(text);
    if (limit < std::chrono::nanoseconds::zero()) return {.wanted = true};
    return {.wanted = limit > std::chrono::nanoseconds::zero(), .limit = limit};
  } catch (const Error&) {
    throw cli::UsageWanted{};
  }
}

void wait_for(const pod::Pods& pods, pod::Pod& pod, const Wait& ready, const Wait& finished) {
  constexpr const char* kTimeout = "context deadline exceeded";
  if (ready.wanted)
    in_context([] { return std::string("error waiting for pod readiness"); },
               [&] {
                 const auto got = pod::wait_ready(pods, pod, ready.limit);
                 if (got == pod::Ready::timeout) throw Error(Errc::system, kTimeout);
                 if (got == pod::Ready::ended)
                   throw Error(Errc::not_found, cat("pod ", quoted(pod.id().str()), " is not running"));
               });
  if (finished.wanted)
    in_context([] { return std::string("error waiting for pod to finish"); },
               [&] {
                 if (!pod::wait_finished(pods, pod, finished.limit)) throw Error(Errc::system, kTimeout);
               });
}

std::string app_lines(const pod::Pod& pod) {
  std::string out;
  for (const auto& app : pod.manifest().apps)
    if (const auto code = pod.app_exit_code(app.name.str())) out += cat("app-", app.name.str(), "=", *code, "\n");
  return out;
}

std::string status_text(const pod::Pod& pod) {
  const State s = pod.state();
  std::string out = cat("state=", pod::state_name(s), "\n");
  out += cat("created=", cli::absolute_time(pod.created().value_or(pod::TimePoint{})), "\n");
  if (s == State::gone) return out;
  if (const auto t = pod.started()) out += cat("started=", cli::absolute_time(*t), "\n");
  if (s == State::running || s == State::exited) out += cat("networks=", pod::networks_text(pod.networks()), "\n");
  const bool ran =
      s == State::deleting || s == State::exited_deleting || s == State::exited || s == State::exited_garbage;
  if (!ran && s != State::running) return out;
  if (const auto pid = pod.pid()) out += cat("pid=", *pid, "\n");
  out += cat("exited=", s == State::exited || s == State::exited_garbage ? "true" : "false", "\n");
  if (ran) out += app_lines(pod);
  return out;
}

int run_status(cli::Env& env, const cli::Parsed& in) {
  const auto texts = pod_texts(in, 1);
  if (texts.size() != 1) throw cli::UsageWanted{};
  const Wait ready = parse_wait(in.text("wait-ready")), finished = parse_wait(in.text("wait"));
  const auto pods = pod::Pods::open(env.data_dir());
  auto pod = open_pod(pods, texts.front());
  wait_for(pods, pod, ready, finished);
  const std::string& format = in.text("format");
  env.out(in_context([] { return std::string("unable to print status"); },
                     [&] {
                       if (format.empty()) return status_text(pod);
                       const auto value = in_context([] { return std::string("error converting pod"); },
                                                     [&] { return pod::describe(pod); });
                       return cat(json::write(value, format == "json" ? json::Style::compact : json::Style::pretty),
                                  "\n");
                     }));
  return 0;
}

cli::Flag wait_flag(const char* name, const char* help) {
  return {.name = name,
          .kind = cli::Flag::Kind::choice_text,
          .fallback = "false",
          .help = help,
          .bare = "true",
          .optional_value = true};
}

}  // namespace

const cli::Command status{
    .name = "status",
    .args = "[--wait=bool|timeout] [--wait-ready=bool|timeout] --uuid-file=FILE | UUID",
    .brief = "Check the status of a rkt pod",
    .description = "Prints the state of a pod and how its apps ended, as KEY=VALUE lines.",
    .flags = {wait_flag("wait", "wait until the pod has ended, at most that long"),
              wait_flag("wait-ready", "wait until the pod's supervisor is ready, at most that long"), cli::uuid_file(),
              cli::format()},
    .run = run_status};

}  // namespace rkt::cmd
