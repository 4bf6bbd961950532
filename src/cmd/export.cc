// SPDX-License-Identifier: Apache-2.0
#include "stage0/export.h"
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/data.h"
#include "cmd/output_file.h"
#include "cmd/pod_argument.h"
#include "cmd/registry.h"

namespace rkt::cmd {
namespace {

int run_export(cli::Env& env, const cli::Parsed& in) {
  if (in.args.size() != 2) throw cli::UsageWanted{};
  const std::string& path = in.args[1];
  if (!path.ends_with(".aci")) throw Error(Errc::usage, cat("extension must be .aci (given ", path, ")"));
  const auto pods = open_pods(env);
  const auto pod = open_pod(pods, in.args[0]);
  if (pod.state() != pod::State::exited && pod.state() != pod::State::exited_garbage)
    throw Error(Errc::invalid, "pod is not exited. Only exited pods can be exported");
  const std::string app = choose_app(env, in, pod);
  auto store = open_store(env);
  in_context([] { return std::string("error building aci"); },
             [&] {
               OutputFile out(path, in.on("overwrite"), "target file exists (try --overwrite)");
               filling(path, [&] {
                 stage0::export_app(store, pods, pod, app, out.fd(), [&](std::string_view line) { env.err(line); });
               });
               out.commit();
             });
  return 0;
}

}  // namespace

const cli::Command export_pod{.name = "export",
                              .args = "[--app=APPNAME] UUID OUTPUT_ACI_FILE",
                              .brief = "Export an app from an exited pod to an ACI file",
                              .description = "Writes what the app's file system has become.",
                              .flags =
                                  [] {
                                    return cli::Flags{
                                        cli::text("app", "", "name of the app to export within the specified pod"),
                                        cli::toggle("overwrite", false, "overwrite output ACI")};
                                  },
                              .power = cli::Command::Power::trees,
                              .run = run_export};

}  // namespace rkt::cmd
