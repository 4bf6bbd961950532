// SPDX-License-Identifier: Apache-2.0
#include "pod/describe.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "pod/app_state.h"

namespace rkt::pod {
namespace {

std::int64_t seconds(TimePoint t) { return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count(); }
std::int64_t nanoseconds(TimePoint t) { return t.time_since_epoch().count(); }

json::Value network_json(const cni::NetInfo& n) {
  json::Object o;
  o.set("netName", n.net_name);
  o.set("netConf", n.net_conf);
  o.set("pluginPath", n.plugin_path);
  o.set("ifName", n.if_name);
  o.set("ip", n.ip);
  o.set("args", n.args);
  o.set("mask", n.mask);
  return o;
}

json::Value mount_json(const appc::PodManifest& m, const appc::RuntimeApp& app, const appc::Mount& mount) {
  const appc::Volume* volume = mount.app_volume ? &*mount.app_volume : m.find_volume(mount.volume);
  bool read_only = false;
  if (app.app)
    for (const auto& point : app.app->mount_points)
      if (point.path == mount.path) read_only = point.read_only;
  if (volume != nullptr && volume->read_only) read_only = *volume->read_only;
  json::Object o;
  o.set("name", mount.volume);
  o.set("container_path", mount.path);
  o.set("host_path", volume != nullptr ? volume->source : "");
  o.set("read_only", read_only);
  return o;
}

void set_pairs(json::Object& o, const char* name, const appc::StringPairs& pairs) {
  if (pairs.empty()) return;
  auto sorted = pairs;
  std::sort(sorted.begin(), sorted.end());
  json::Object members;
  for (const auto& [k, v] : sorted) members.set(k, v);
  o.set(name, std::move(members));
}

}  // namespace

json::Value describe_app(const Pod& pod, const appc::PodManifest& m, const appc::RuntimeApp& app) {
  const AppState state = look_at_app(pod, app.name.str(), is_mutable(m));
  json::Object o;
  o.set("name", app.name.str());
  o.set("state", state.state);
  if (state.created) o.set("created_at", nanoseconds(*state.created));
  if (state.started) o.set("started_at", nanoseconds(*state.started));
  if (state.finished) o.set("finished_at", nanoseconds(*state.finished));
  if (state.exit_code) o.set("exit_code", *state.exit_code);
  if (state.exit_code)
    if (const auto reason = pod.app_end_reason(app.name.str()); !reason.empty()) o.set("reason", reason);
  if (const auto restarts = pod.app_restarts(app.name.str()); restarts > 0) o.set("restarts", std::int64_t{restarts});
  o.set("image_id", app.image_id.str());
  json::Array mounts;
  for (const auto& mount : app.mounts) mounts.push_back(mount_json(m, app, mount));
  if (!mounts.empty()) o.set("mounts", std::move(mounts));
  if (app.app) {
    set_pairs(o, "user_annotations", app.app->user_annotations);
    set_pairs(o, "user_labels", app.app->user_labels);
  }
  return o;
}

std::string networks_text(const std::vector<cni::NetInfo>& networks) {
  std::vector<std::string> parts;
  for (const auto& n : networks) parts.push_back(cat(n.net_name, ":ip4=", n.ip));
  return join(parts, ", ");
}

std::vector<cni::NetInfo> shown_networks(const Pod& pod) {
  if (pod.state() != State::running && pod.state() != State::exited) return {};
  return pod.networks();
}

json::Value describe(const Pod& pod) {
  const auto created = pod.created();
  if (!created) throw Error(Errc::invalid, "invalid creation time");
  const auto m = pod.manifest();
  json::Object o;
  o.set("name", pod.id().str());
  o.set("state", state_name(pod.state()));
  json::Array networks, names, apps;
  for (const auto& n : shown_networks(pod)) networks.push_back(network_json(n));
  for (const auto& app : m.apps) {
    names.emplace_back(app.name.str());
    apps.push_back(describe_app(pod, m, app));
  }
  if (!networks.empty()) o.set("networks", std::move(networks));
  if (!names.empty()) o.set("app_names", std::move(names));
  if (!apps.empty()) o.set("apps", std::move(apps));
  o.set("created_at", seconds(*created));
  if (const auto t = pod.started()) o.set("started_at", seconds(*t));
  set_pairs(o, "user_annotations", m.user_annotations);
  set_pairs(o, "user_labels", m.user_labels);
  if (const auto name = pod.name(); !name.empty()) o.set("pod_name", name);
  return o;
}

}  // namespace rkt::pod
