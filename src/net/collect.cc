// SPDX-License-Identifier: Apache-2.0
#include "net/collect.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "net/load.h"
#include "net/membership.h"
#include "net/plugin.h"
#include "net/state.h"
#include "schema/cni/version.h"

namespace rkt::net {
namespace {

PluginCall plan_call(const char* command, const Step& step, const std::vector<std::string>& path) {
  return {.command = command,
          .exe = plugin_program(path, step.type),
          .container_id = {},
          .netns = {},
          .if_name = {},
          .args = {},
          .path = path,
          .stdin_bytes = plugin_input(step, nullptr)};
}

// All plugins, whatever one of them says.
bool collect_one(const cni::NetworkConfig& config, const std::vector<AttachmentName>& valid,
                 const std::vector<std::string>& path, const Report& report) {
  bool ok = true;
  for (const auto& step : plan_steps(config, {})) {
    try {
      PluginCall call = plan_call("GC", step, path);
      call.stdin_bytes = gc_input(step, valid);
      run_plugin(call);
    } catch (const Error& e) {
      report(cat("error collecting network ", quoted(config.name), ": ", step.type, ": ", e.brief()));
      ok = false;
    }
  }
  return ok;
}

// Networks that the built-in serves have no plugins that would have to be told; unless somebody insists on them.
bool has_plugins(const cni::NetworkConfig& config) {
  const Attachment a{.name = config.name,
                     .file = {},
                     .if_name = {},
                     .args = {},
                     .cni_version = config.cni_version,
                     .steps = plan_steps(config, {})};
  return Membership::is_known(config.name) || !is_for_builtin(a);
}

}  // namespace

std::vector<Owned> find_owned(const DirFd& pod, const Uuid& uuid) {
  std::vector<Owned> out;
  for (const auto& a : load_state(pod))
    if (pod.exists(cat("net/", a.file))) out.push_back({a.name, {uuid.str(), a.if_name}});
  return out;
}

bool collect(const std::string& local_config, const std::function<std::vector<Owned>()>& owned, const Report& report) {
  bool ok = true;
  const auto path = plugin_path(local_config);
  for (const auto& network : list_networks({.user = read_config_dir(local_config), .builtin = {}, .shared = {}})) {
    const auto& config = network.config;
    if (config.disable_gc || !cni::has_gc(config.cni_version) || !has_plugins(config)) continue;
    const auto alone = Membership::try_alone(config.name);
    if (!alone) continue;
    auto valid = alone->living();
    for (const auto& o : owned())
      if (o.network == config.name && std::ranges::find(valid, o.who) == valid.end()) valid.push_back(o.who);
    std::ranges::sort(valid);
    ok = collect_one(config, valid, path, report) && ok;
  }
  return ok;
}

void ask_status(const cni::NetworkConfig& config, const std::string& local_config) {
  if (!cni::has_gc(config.cni_version)) return;
  for (const auto& step : plan_steps(config, {}))
    in_context([&] { return step.type; }, [&] { run_plugin(plan_call("STATUS", step, plugin_path(local_config))); });
}

}  // namespace rkt::net
