// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/plan.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/common/accounts.h"
#include "stage1/common/environment.h"
#include "stage1/common/lookup.h"
#include "stage1/native/app_child.h"
#include "sys/file.h"

namespace rkt::native {
namespace {

void set(std::vector<appc::EnvVar>& env, std::string name, std::string value) {
  std::erase_if(env, [&](const appc::EnvVar& v) { return v.name == name; });
  env.push_back({std::move(name), std::move(value)});
}

void plan_environment(const PodApp& app, AppPlan& out) {
  auto env = stage1::compose_environment(app.app().environment);
  set(env, "AC_APP_NAME", app.name());
  set(env, "container", "rkt");
  out.env = stage1::as_strings(env);
}

// The id of the group; the user's where an image of Docker's names a group that it does not have (reference: pods
// §4.5).
gid_t plan_group(const PodApp& app, const DirFd& root, uid_t uid) {
  const appc::App& a = app.app();
  try {
    return stage1::resolve_group(root, a.group);
  } catch (const Error&) {
    const bool same = app.image.is_docker() && app.image.app && app.image.app->user == app.image.app->group &&
                      a.group == app.image.app->group;
    if (!same) throw;
    return uid;
  }
}

void plan_ids(const PodApp& app, const DirFd& root, AppPlan& out) {
  const auto attempt = [&](AppStep step, auto&& body) {
    try {
      body();
    } catch (const Error& e) {
      out.fault = {.status = status_of(step), .text = e.brief()};
    }
  };
  attempt(AppStep::user, [&] { out.uid = stage1::resolve_user(root, app.app().user); });
  if (!out.fault) attempt(AppStep::group, [&] { out.gid = plan_group(app, root, out.uid); });
  out.groups = {out.gid};
  for (const auto g : app.app().supplementary_gids) {
    if (g < 0 || g >= UINT32_MAX) throw Error(Errc::invalid, "Invalid uid or gid");
    out.groups.push_back(static_cast<gid_t>(g));
  }
}

bool is_device(const VolumeMount& m, struct stat& st) {
  return m.volume.kind == appc::Volume::Kind::host && ::stat(m.volume.source.c_str(), &st) == 0 &&
         (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
}

void plan_limits(const appc::Isolators& isolators, const Restrictions& restrictions, AppPlan& out) {
  out.limits.memory_bytes = isolators.memory_limit;
  out.limits.cpu_milli = isolators.cpu_milli_limit;
  out.limits.cpu_shares = isolators.cpu_shares;
  // Every mount of an app but the standard nodes is "nodev", so device nodes are dead wherever they are made. Only who
  // may mount needs the device cgroup as well, which costs more than the whole rest of the start.
  out.limits.default_devices = restrictions.paths && (out.confinement.caps & cap_bit(CAP_SYS_ADMIN)) != 0;
  struct stat st{};
  for (const auto& m : out.volumes)
    if (out.limits.default_devices && is_device(m, st))
      out.limits.devices.push_back(cat(S_ISCHR(st.st_mode) ? "c " : "b ", major(st.st_rdev), ":", minor(st.st_rdev),
                                       m.read_only ? " r" : " rw"));
}

// Lowering the score needs a capability that a rkt inside of a container may lack.
void plan_oom_score(const appc::Isolators& isolators, AppPlan& out, const Warn& warn) {
  if (!isolators.oom_score_adj) return;
  const auto own = parse_int<int>(trim(read_file("/proc/self/oom_score_adj"))).value_or(0);
  if (*isolators.oom_score_adj < own && (own_effective_caps() & cap_bit(CAP_SYS_RESOURCE)) == 0)
    warn(
        cat("warning: app ", quoted(out.name), ": no permission to lower the OOM score to ", *isolators.oom_score_adj));
  else
    out.oom_score = cat(*isolators.oom_score_adj);
}

void plan_handlers(const PodApp& app, AppPlan& out) {
  for (const auto& h : app.app().event_handlers) {
    if (h.exec.empty() || !h.exec.front().starts_with('/'))
      throw Error(Errc::invalid,
                  cat("app ", quoted(out.name), ": event handler ", quoted(h.name), " needs an absolute path"));
    (h.name == "pre-start" ? out.pre_start : out.post_stop).push_back(h.exec);
  }
}

net::PortForward forward(const appc::ExposedPort& exposed, const appc::Port& port) {
  return {.protocol = port.protocol, .host_ip = exposed.host_ip, .host_port = exposed.host_port, .pod_port = port.port};
}

}  // namespace

bool PodPlan::has_handlers() const {
  return std::ranges::any_of(apps, [](const AppPlan& a) { return !a.pre_start.empty() || !a.post_stop.empty(); });
}

bool PodPlan::may_look_into_init() const {
  return std::ranges::any_of(apps,
                             [](const AppPlan& a) { return (a.confinement.caps & cap_bit(CAP_SYS_PTRACE)) != 0; });
}

AppPlan plan_app(const Pod& pod, const PodApp& app, const RunOptions& options, const Warn& warn) {
  const appc::App& a = app.app();
  const DirFd root = pod.stage1.sub(app_root_in_stage1(app.name()));
  AppPlan out = plan_enter(app, options.restrictions, warn);
  const auto isolators = appc::interpret_isolators(a.isolators, "isolators");
  out.directory = a.working_directory.empty() ? "/" : a.working_directory;
  out.argv = a.exec;
  out.argv.front() = stage1::find_executable(root, a.exec.front(), a.find_env("PATH"), out.directory);
  plan_ids(app, root, out);
  out.confinement = plan_confinement(isolators, out.uid, options.restrictions);
  for (const auto& w : out.confinement.warnings) warn(cat(w, " (app ", quoted(out.name), ")"));
  out.volumes = plan_volumes(app.runtime, a.mount_points, pod.manifest, warn);
  plan_limits(isolators, options.restrictions, out);
  plan_handlers(app, out);
  out.read_only_root = app.runtime.read_only_rootfs;
  out.copy_up = app.image.is_docker();
  out.has_hosts = std::ranges::any_of(out.volumes, [](const VolumeMount& m) { return m.target == "/etc/hosts"; }) ||
                  root.find_in_root("/etc/hosts", O_PATH | O_NOFOLLOW).has_value();
  return out;
}

AppPlan plan_enter(const PodApp& app, const Restrictions& restrictions, const Warn& warn) {
  AppPlan out;
  out.name = app.name();
  out.confinement = plan_confinement(appc::interpret_isolators(app.app().isolators, "isolators"), 0, restrictions);
  plan_oom_score(appc::interpret_isolators(app.app().isolators, "isolators"), out, warn);
  plan_environment(app, out);
  return out;
}

std::vector<net::PortForward> plan_ports(const Pod& pod) {
  std::vector<net::PortForward> out;
  for (const auto& exposed : pod.manifest.ports) {
    if (exposed.pod_port) {
      out.push_back(forward(exposed, *exposed.pod_port));
      continue;
    }
    const std::size_t before = out.size();
    for (const auto& app : pod.apps)
      for (const auto& port : app.app().ports)
        if (port.name == exposed.name && out.size() == before) out.push_back(forward(exposed, port));
    if (out.size() == before)
      throw Error(Errc::invalid, cat("port name ", quoted(exposed.name.str()), " is not defined by any app"));
  }
  return out;
}

PodPlan plan_pod(const Pod& pod, const RunOptions& options, bool stdin_is_terminal, const Warn& warn) {
  if (options.interactive && options.mutable_pod)
    throw Error(Errc::usage, "interactive option does not go with mutable pods");
  if (options.interactive && pod.apps.size() > 1)
    throw Error(Errc::usage, "interactive option only supports pods with one app");
  PodPlan out;
  out.hostname = options.hostname.empty() ? cat("rkt-", options.uuid.str()) : options.hostname;
  out.own_ipc = !options.host_ipc;
  out.protect_paths = options.restrictions.paths;
  out.with_stdin = options.interactive;
  out.terminal = options.interactive && stdin_is_terminal;
  // A mutable pod's are planned when they are started.
  for (const auto& app : pod.apps)
    if (!options.mutable_pod)
      out.apps.push_back(in_context([&] { return cat("app ", quoted(app.name())); },
                                    [&] { return plan_app(pod, app, options, warn); }));
  // Launching handlers takes pid 1 capabilities for as long as the pod lives; whoever may look into it would have them.
  if (options.restrictions.capabilities && out.may_look_into_init() && out.has_handlers())
    throw Error(Errc::unsupported, "CAP_SYS_PTRACE and event handlers exclude each other in a pod");
  out.ports = plan_ports(pod);
  return out;
}

}  // namespace rkt::native
