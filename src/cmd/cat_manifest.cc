// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/data.h"
#include "cmd/pod_argument.h"
#include "cmd/registry.h"

namespace rkt::cmd {
namespace {

int run_cat_manifest(cli::Env& env, const cli::Parsed& in) {
  const std::string& file = in.text("uuid-file");
  if (file.empty() && in.args.size() != 1) throw cli::UsageWanted{};
  const std::string text = file.empty() ? in.args.front()
                                        : in_context([] { return std::string("unable to resolve UUID from file"); },
                                                     [&] { return read_uuid_file(file); });
  const auto pods = open_pods(env);
  const auto pod = open_pod(pods, text);
  const auto manifest =
      in_context([] { return std::string("cannot read pod manifest"); }, [&] { return pod.manifest(); });
  env.out(cat(appc::write(manifest, in.on("pretty-print") ? json::Style::pretty : json::Style::compact), "\n"));
  return 0;
}

}  // namespace

const cli::Command cat_manifest{
    .name = "cat-manifest",
    .args = "--uuid-file=FILE | UUID ...",
    .brief = "Inspect and print the pod manifest",
    .description = "Prints the manifest of a pod as JSON.",
    .flags = [] { return cli::Flags{cli::toggle("pretty-print", true, "indent the output"), cli::uuid_file()}; },
    .run = run_cat_manifest};

}  // namespace rkt::cmd
