// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

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

// What stage1 is asked for (reference: pods §2.6).
std::vector<std::string> parse_mode(const std::string& mode) {
  if (mode.empty() || mode == "auto") return {"--action=auto-attach"};
  if (mode == "list") return {"--action=list"};
  std::vector<std::string> out{"--action=custom-attach"};
  bool terminal = false, streams = false;
  for (const auto word : split(mode, ',')) {
    constexpr std::array<std::string_view, 6> kKnown{"stdin", "stdout", "stderr", "tty", "tty-in", "tty-out"};
    if (std::ranges::find(kKnown, word) == kKnown.end())
      throw Error(Errc::usage, cat("invalid attach mode: unknown endpoint ", quoted(word)));
    (word.starts_with("tty") ? terminal : streams) = true;
    if (word == "tty")
      out.insert(out.end(), {"--tty-in=true", "--tty-out=true"});
    else
      out.push_back(cat("--", word, "=true"));
  }
  if (terminal && streams)
    throw Error(Errc::usage,
                cat("incompatible endpoints ", quoted(mode), ", cannot simultaneously attach TTY and streams"));
  return out;
}

int run_attach(cli::Env& env, const cli::Parsed& in) {
  if (in.args.size() != 1) throw cli::UsageWanted{};
  auto args = parse_mode(in.text("mode"));
  const auto pods = open_pods(env);
  auto pod = open_pod(pods, in.args.front());
  if (pod.state() != pod::State::running)
    throw Error(Errc::invalid, cat("pod ", quoted(pod.id().str()), " isn't currently running"));
  args.push_back(cat("--app=", choose_app(env, in, pod)));
  stage0::become_root_for(pods, pod);
  args.push_back(cat("--debug=", env.globals().debug ? "true" : "false"));
  const auto store = open_store(env);
  stage0::attach(store, pods, pod.id(), args);
}

}  // namespace

const cli::Command attach{
    .name = "attach",
    .args = "[--app=APPNAME] [--mode=MODE] UUID",
    .brief = "Attach to an app running within a rkt pod",
    .description =
        "Connects to streams of an app that was started with --stdin, --stdout or --stderr as stream or tty.",
    .flags =
        [] {
          return cli::Flags{
              cli::text("app", "", "name of the app to attach to within the pod"),
              cli::text("mode", "auto", "auto, list, or streams: stdin,stdout,stderr or tty, tty-in, tty-out")};
        },
    .power = cli::Command::Power::pod,
    .run = run_attach};

}  // namespace rkt::cmd
