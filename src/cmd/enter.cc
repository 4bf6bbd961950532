// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/data.h"
#include "cmd/pod_argument.h"
#include "cmd/pod_request.h"
#include "cmd/registry.h"
#include "stage0/stage0.h"

namespace rkt::cmd {
namespace {

int run_enter(cli::Env& env, const cli::Parsed& in) {
  if (in.args.empty()) throw cli::UsageWanted{};
  const auto pods = open_pods(env);
  auto pod = open_pod(pods, in.args.front());
  if (pod.state() != pod::State::running)
    throw Error(Errc::invalid, cat("pod ", quoted(pod.id().str()), " isn't currently running"));
  const std::string app = choose_app(env, in, pod);
  stage0::become_root_for(pods, pod);
  stage0::EnterRequest request{
      .app = app, .command = {in.args.begin() + 1, in.args.end()}, .user = in.text("user"), .debug_image = {}};
  if (request.user.empty() && in.given("user")) throw Error(Errc::usage, "--user: no user is named");
  const std::string& image = in.text("debug-image");
  if (image.empty() && in.given("debug-image")) throw Error(Errc::usage, "--debug-image: no image is named");
  if (request.command.empty()) {
    request.command = {image.empty() ? "/bin/bash" : "/bin/sh"};
    env.err(cat("no command specified, assuming ", quoted(request.command.front())));
  }
  auto store = open_store(env);
  if (!image.empty()) request.debug_image = find_image(env, store, image);
  stage0::enter(store, pods, pod.id(), request);
}

cli::Flags enter_flags() {
  return {cli::text("app", "", "name of the app to enter within the pod"),
          cli::text("user", "",
                    "user and group of the command, USER or USER:GROUP, by name or number (default: the app's)"),
          cli::text("debug-image", "", "image whose files and programs are used; the app's are below /rkt/app")};
}

}  // namespace

const cli::Command enter{
    .name = "enter",
    .args = "[--app=APPNAME] [--user=USER[:GROUP]] [--debug-image=IMAGE] UUID [CMD [ARGS ...]]",
    .brief = "Enter the namespaces of an app within a rkt pod",
    .description = "Runs a command in an app of a running pod, by default /bin/bash. --app must come before UUID.",
    .flags = enter_flags,
    .args_mode = cli::Command::Args::stop,
    .power = cli::Command::Power::pod,
    .run = run_enter};

const cli::Command app_exec{.name = "app exec",
                            .args = "[--app=APPNAME] [--user=USER[:GROUP]] [--debug-image=IMAGE] UUID [CMD [ARGS ...]]",
                            .brief = "Execute commands in the given app's namespace",
                            .description = "The same as rkt enter.",
                            .flags = enter_flags,
                            .args_mode = cli::Command::Args::stop,
                            .power = cli::Command::Power::pod,
                            .run = run_enter};

}  // namespace rkt::cmd
