// SPDX-License-Identifier: Apache-2.0
// app start, app stop, app rm: one app of a mutable pod.
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

struct Target {
  pod::Pods pods;
  pod::Pod pod;
  std::string app;
};

Target target_of(cli::Env& env, const cli::Parsed& in, std::string_view missing_app) {
  if (in.args.size() != 1) throw Error(Errc::usage, "must provide the pod UUID");
  if (in.text("app").empty()) throw Error(Errc::usage, std::string(missing_app));
  auto pods = open_pods(env);
  auto pod = open_pod(pods, in.args.front());
  const std::string app = in_context([] { return std::string("invalid app name"); },
                                     [&] { return appc::AcName::parse(in.text("app")).str(); });
  stage0::become_root_for(pods, pod);
  return {.pods = std::move(pods), .pod = std::move(pod), .app = app};
}

void require_running(const Target& t) {
  const std::string id = quoted(t.pod.id().str());
  if (t.pod.state() != pod::State::running) throw Error(Errc::invalid, cat("pod ", id, " isn't currently running"));
  if (!t.pod.supervisor_ready()) throw Error(Errc::busy, cat("supervisor for pod ", id, " is not yet ready"));
}

int run_app_start(cli::Env& env, const cli::Parsed& in) {
  const Target t = target_of(env, in, "must provide the app to start");
  require_running(t);
  in_context([] { return std::string("error starting app"); },
             [&] { stage0::start_app(open_store(env), t.pods, t.pod.id(), t.app, env.globals().debug); });
  return 0;
}

int run_app_stop(cli::Env& env, const cli::Parsed& in) {
  auto request = stop_request(in);
  const Target t = target_of(env, in, "must provide the app to remove");
  request.app = t.app;
  request.debug = env.globals().debug;
  if (pod::is_after_run(t.pod.state())) {
    env.out(cat("pod ", quoted(t.pod.id().str()), " is already stopped\n"));
    return 0;
  }
  require_running(t);
  in_context([] { return std::string("error stopping app"); },
             [&] { stage0::stop_app(open_store(env), t.pods, t.pod.id(), request); });
  return 0;
}

int run_app_rm(cli::Env& env, const cli::Parsed& in) {
  const Target t = target_of(env, in, "must provide the app to remove");
  if (t.pod.state() == pod::State::running && !t.pod.supervisor_ready())
    throw Error(Errc::busy, cat("pod ", quoted(t.pod.id().str()), " is running but its supervisor is not ready yet"));
  in_context([] { return std::string("error removing app"); },
             [&] { stage0::remove_app(open_store(env), t.pods, t.pod.id(), t.app, env.globals().debug); });
  return 0;
}

cli::Flag app_flag() { return cli::text("app", "", "app name"); }

cli::Flags app_stop_flags() {
  auto out = stop_flags();
  out.push_back(app_flag());
  return out;
}

}  // namespace

const cli::Command app_start{.name = "app start",
                             .args = "UUID --app=NAME",
                             .brief = "Start an app in a pod",
                             .description = "An app that has ended is started again.",
                             .flags = [] { return cli::Flags{app_flag()}; },
                             .power = cli::Command::Power::pod,
                             .run = run_app_start};
const cli::Command app_stop{
    .name = "app stop",
    .args = "[--force | --grace-period=duration] UUID --app=NAME",
    .brief = "Stop an app in a pod",
    .description = "Asks it to end, and kills it after the grace period; returns when it has ended.",
    .flags = app_stop_flags,
    .power = cli::Command::Power::pod,
    .run = run_app_stop};
const cli::Command app_rm{.name = "app rm",
                          .args = "UUID --app=NAME",
                          .brief = "Remove an app from a pod",
                          .description = "Stops it when it runs, and removes its files.",
                          .flags = [] { return cli::Flags{app_flag()}; },
                          .power = cli::Command::Power::pod,
                          .run = run_app_rm};

}  // namespace rkt::cmd
