// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/data.h"
#include "cmd/pod_table.h"
#include "cmd/registry.h"
#include "pod/describe.h"
#include "sys/file.h"

namespace rkt::cmd {
namespace {

constexpr const char* kAppcVersion = "0.8.11";

void print_errors(const cli::Env& env, const std::vector<std::string>& errors) {
  if (errors.empty()) return;
  const std::string dashes(40, '-');
  env.err(cat(errors.size(), " error(s) encountered when listing pods:"));
  env.err(dashes);
  for (const auto& e : errors) {
    env.err(e);
    env.err(dashes);
  }
  env.err("misc:");
  env.err(cat("  rkt's appc version: ", kAppcVersion));
  env.err("");
}

// Pods that are there; one that goes while we look is left out.
template <class Each>
void each_pod(const pod::Pods& pods, std::vector<std::string>& errors, Each&& each) {
  std::vector<std::string> skipped;
  const auto ids =
      in_context([] { return std::string("failed to get pod handles"); }, [&] { return pods.list(skipped); });
  for (const auto& line : skipped) write_all(STDERR_FILENO, cat(printable(line), "\n"), "standard error");
  for (const auto& id : ids) {
    try {
      if (const auto pod = pod::Pod::find(pods, id)) each(*pod);
    } catch (const Error& e) {
      errors.push_back(cat("pod ", id.str(), ":\n  ", e.cause()));
    }
  }
}

int run_list(cli::Env& env, const cli::Parsed& in) {
  const auto pods = open_pods(env, "failed to get pod handles");
  std::vector<std::string> errors;
  if (const std::string& format = in.text("format"); !format.empty()) {
    json::Array all;
    each_pod(pods, errors, [&](const pod::Pod& pod) { all.push_back(pod::describe(pod)); });
    const json::Value value = all.empty() ? json::Value() : json::Value(std::move(all));
    env.out(cat(json::write(value, format == "json" ? json::Style::compact : json::Style::pretty), "\n"));
  } else {
    PodTable table(in.on("full"));
    each_pod(pods, errors, [&](const pod::Pod& pod) { table.add(pod); });
    errors.insert(errors.begin(), table.errors().begin(), table.errors().end());
    env.out(table.text(!in.on("no-legend")));
  }
  print_errors(env, errors);
  return 0;
}

}  // namespace

const cli::Command list{
    .name = "list",
    .args = "",
    .brief = "List pods",
    .description = "One row for each app of each pod; a column with the pods' names when one has a name.",
    .flags =
        [] {
          return cli::Flags{cli::toggle("full", false, "whole identifiers, absolute times"),
                            cli::toggle("no-legend", false, "leave out the header"), cli::format()};
        },
    .run = run_list};

}  // namespace rkt::cmd
