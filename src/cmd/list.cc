// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cli/table.h"
#include "cmd/registry.h"
#include "pod/describe.h"
#include "sys/file.h"

namespace rkt::cmd {
namespace {

constexpr const char* kAppcVersion = "0.8.11";

struct Listing {
  bool full;
  std::vector<cli::Row> rows;
  std::vector<std::string> errors;
};

std::string time_cell(const std::optional<pod::TimePoint>& t, bool full) {
  const auto at = t.value_or(pod::TimePoint{});
  return full ? cli::absolute_time(at) : cli::relative_time(at, std::chrono::system_clock::now());
}

// Without a manifest that could be read: a pod being prepared, or one that is being removed.
bool lacks_manifest(pod::State s) {
  return s == pod::State::preparing || s == pod::State::aborted_prepare || s == pod::State::deleting ||
         s == pod::State::exited_deleting;
}

std::string image_cell(const pod::Pod& pod, const std::string& app, Listing& out) {
  try {
    if (const auto m = pod.image_manifest(app)) return printable(m->display_name());
    throw Error(Errc::not_found, "no image manifest");
  } catch (const Error& e) {
    out.errors.push_back(cat("pod ", pod.id().str(), " ImageManifest could not be loaded:\n  ", e.cause()));
    return "--";
  }
}

void add_rows(const pod::Pod& pod, Listing& out) {
  std::vector<appc::RuntimeApp> apps;
  if (!lacks_manifest(pod.state())) {
    try {
      apps = pod.manifest().apps;
    } catch (const Error& e) {
      out.errors.push_back(cat("Unable to read pod ", pod.id().str(), " manifest:\n  ", e.cause()));
      return;
    }
  }
  const std::string uuid = out.full ? pod.id().str() : pod.id().str().substr(0, 8);
  const auto started = pod.started();
  cli::Row tail = {std::string(pod::state_name(pod.state())), time_cell(pod.created(), out.full),
                   started ? time_cell(started, out.full) : "", pod::networks_text(pod::shown_networks(pod))};
  if (apps.empty()) {
    cli::Row row = {uuid, "-", "-"};
    if (out.full) row.emplace_back("-");
    row.insert(row.end(), tail.begin(), tail.end());
    out.rows.push_back(std::move(row));
  }
  for (std::size_t i = 0; i < apps.size(); ++i) {
    cli::Row row = {i == 0 ? uuid : "", apps[i].name.str(), image_cell(pod, apps[i].name.str(), out)};
    if (out.full) row.push_back(apps[i].image_id.short_list());
    if (i == 0)
      row.insert(row.end(), tail.begin(), tail.end());
    else
      row.insert(row.end(), tail.size(), "");
    out.rows.push_back(std::move(row));
  }
}

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
void each_pod(const pod::Pods& pods, Listing& out, Each&& each) {
  std::vector<std::string> skipped;
  const auto ids =
      in_context([] { return std::string("failed to get pod handles"); }, [&] { return pods.list(skipped); });
  for (const auto& line : skipped) write_all(STDERR_FILENO, cat(printable(line), "\n"), "standard error");
  for (const auto& id : ids) {
    try {
      if (const auto pod = pod::Pod::find(pods, id)) each(*pod);
    } catch (const Error& e) {
      out.errors.push_back(cat("pod ", id.str(), ":\n  ", e.cause()));
    }
  }
}

int run_list(cli::Env& env, const cli::Parsed& in) {
  const auto pods = in_context([] { return std::string("failed to get pod handles"); },
                               [&] { return pod::Pods::open(env.data_dir()); });
  Listing out{.full = in.on("full")};
  if (const std::string& format = in.text("format"); !format.empty()) {
    json::Array all;
    each_pod(pods, out, [&](const pod::Pod& pod) { all.push_back(pod::describe(pod)); });
    const json::Value value = all.empty() ? json::Value() : json::Value(std::move(all));
    env.out(cat(json::write(value, format == "json" ? json::Style::compact : json::Style::pretty), "\n"));
  } else {
    if (!in.on("no-legend")) {
      cli::Row header = {"UUID", "APP", "IMAGE NAME", "STATE", "CREATED", "STARTED", "NETWORKS"};
      if (out.full) header.insert(header.begin() + 3, "IMAGE ID");
      out.rows.push_back(std::move(header));
    }
    each_pod(pods, out, [&](const pod::Pod& pod) { add_rows(pod, out); });
    env.out(out.rows.empty() ? "\n" : cli::table(out.rows));
  }
  print_errors(env, out.errors);
  return 0;
}

}  // namespace

const cli::Command list{.name = "list",
                        .args = "",
                        .brief = "List pods",
                        .description = "One row for each app of each pod.",
                        .flags = {cli::toggle("full", false, "whole identifiers, absolute times"),
                                  cli::toggle("no-legend", false, "leave out the header"), cli::format()},
                        .run = run_list};

}  // namespace rkt::cmd
