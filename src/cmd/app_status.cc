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
#include "pod/app_state.h"
#include "pod/describe.h"

namespace rkt::cmd {
namespace {

constexpr std::size_t kDigits = 9;  // of a second, here only

std::string pairs_text(std::string_view name, const appc::StringPairs& pairs) {
  if (pairs.empty()) return "";
  std::vector<std::string> items;
  for (const auto& [k, v] : pairs) items.push_back(printable(cat(k, ":", v)));
  return cat(name, "=\n", join(items, ","), "\n\n");
}

std::string mounts_text(const appc::PodManifest& m, const appc::RuntimeApp& app) {
  std::vector<std::string> items;
  for (const auto& mount : app.mounts) {
    const auto* volume = mount.app_volume ? &*mount.app_volume : m.find_volume(mount.volume);
    const bool read_only = volume != nullptr && volume->read_only.value_or(false);
    items.push_back(printable(cat(volume != nullptr ? volume->source : "", ":", mount.path,
                                  ":(read_only:", read_only ? "true" : "false", ")")));
  }
  return items.empty() ? "" : cat("mounts=\n", join(items, ","), "\n\n");
}

std::string app_text(const pod::Pod& pod, const appc::PodManifest& m, const appc::RuntimeApp& app) {
  const pod::AppState s = pod::look_at_app(pod, app.name.str(), pod::is_mutable(m));
  std::string out = cat("name=", app.name.str(), "\nstate=", s.state, "\nimage_id=", app.image_id.str(), "\n");
  if (s.created) out += cat("created_at=", cli::absolute_time(*s.created, kDigits), "\n");
  if (s.started) out += cat("started_at=", cli::absolute_time(*s.started, kDigits), "\n");
  if (s.finished) out += cat("finished_at=", cli::absolute_time(*s.finished, kDigits), "\n");
  if (s.exit_code) out += cat("exit_code=", *s.exit_code, "\n");
  if (s.exit_code)
    if (const auto reason = pod.app_end_reason(app.name.str()); !reason.empty()) out += cat("reason=", reason, "\n");
  if (const auto restarts = pod.app_restarts(app.name.str()); restarts > 0) out += cat("restarts=", restarts, "\n");
  out += mounts_text(m, app);
  if (!app.app) return out;
  return out + pairs_text("user_annotations", app.app->user_annotations) +
         pairs_text("user_labels", app.app->user_labels);
}

std::string status_of_app(const pod::Pod& pod, const std::string& name, const std::string& format) {
  const auto m = pod.manifest();
  const auto* app = m.find_app(name);
  if (app == nullptr) throw Error(Errc::not_found, cat("cannot find app ", quoted(name), " in the pod"));
  if (format.empty()) return app_text(pod, m, *app);
  const auto style = format == "json" ? json::Style::compact : json::Style::pretty;
  return cat(json::write(pod::describe_app(pod, m, *app), style), "\n");
}

int run_app_status(cli::Env& env, const cli::Parsed& in) {
  if (in.args.size() != 1) throw Error(Errc::usage, "must provide the pod UUID").exit_with(1);
  if (in.text("app").empty()) throw Error(Errc::usage, "must provide the app name").exit_with(1);
  try {
    const auto pods = open_pods(env);
    const auto pod = open_pod(pods, in.args.front());
    env.out(in_context([] { return std::string("error getting app status"); },
                       [&] { return status_of_app(pod, in.text("app"), in.text("format")); }));
  } catch (Error& e) {
    e.exit_with(1);
    throw;
  }
  return 0;
}

}  // namespace

const cli::Command app_status{.name = "app status",
                              .args = "UUID --app=APP_NAME [--format=json]",
                              .brief = "Check the status of an app in a pod",
                              .description = {},
                              .flags = [] { return cli::Flags{cli::text("app", "", "app name"), cli::format()}; },
                              .run = run_app_status};

}  // namespace rkt::cmd
