// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/plan.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/strings.h"
#include "schema/appc/environment.h"
#include "schema/appc/pid_mode.h"
#include "schema/appc/settings.h"
#include "stage1/common/accounts.h"
#include "stage1/common/links.h"
#include "stage1/common/lookup.h"
#include "stage1/native/app_child.h"
#include "stage1/native/app_ids.h"
#include "stage1/native/readiness.h"
#include "stage1/native/target.h"
#include "sys/file.h"
#include "sys/pty.h"
#include "sys/rootless.h"
#include "sys/signal_name.h"

namespace rkt::native {
namespace {

void set(std::vector<appc::EnvVar>& env, std::string name, std::string value) {
  std::erase_if(env, [&](const appc::EnvVar& v) { return v.name == name; });
  env.push_back({std::move(name), std::move(value)});
}

void plan_environment(const PodApp& app, AppPlan& out) {
  auto env = appc::compose_environment(app.app().environment);
  set(env, "AC_APP_NAME", app.name());
  set(env, "container", "rkt");
  out.env = appc::as_strings(env);
}

// Full-screen programs refuse to start without the name of their terminal.
void plan_terminal(AppPlan& app) {
  const auto named = [](const std::string& v) { return v.starts_with("TERM="); };
  if (std::ranges::none_of(app.env, named)) app.env.push_back(cat("TERM=", terminal_type()));
}

bool is_device(const VolumeMount& m, struct stat& st) {
  return m.volume.kind == appc::Volume::Kind::host && ::stat(m.volume.source.c_str(), &st) == 0 &&
         (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
}

// What the isolators of an app or of the pod say about the cgroup.
cgroup::Limits limits_of(const appc::Isolators& isolators) {
  if (isolators.network_bandwidth)
    throw Error(Errc::unsupported, "isolator resource/network-bandwidth: the apps of a pod share its network")
        .hint("limit the network itself, by the plugin \"bandwidth\" in its configuration");
  return {.memory_bytes = isolators.memory_limit,
          .cpu_milli = isolators.cpu_milli_limit,
          .cpu_shares = isolators.cpu_shares,
          .pids = isolators.pids,
          .io_bytes = isolators.block_bandwidth,
          .io_operations = isolators.block_iops};
}

void plan_limits(const appc::Isolators& isolators, const Restrictions& restrictions, AppPlan& out) {
  out.limits = limits_of(isolators);
  struct stat st{};
  for (auto& m : out.volumes) m.device = is_device(m, st);
  out.read_only_device = std::ranges::any_of(out.volumes, [](const VolumeMount& m) { return m.read_only && m.device; });
  // Every mount of an app but the standard nodes is "nodev", so device nodes are dead wherever they are made. The
  // device cgroup, which costs more than the whole rest of the start, is for who may mount, and for a device that is
  // to be read only: a read-only mount lets a node be written.
  out.limits.default_devices =
      restrictions.paths && (out.read_only_device || (out.confinement.caps & cap_bit(CAP_SYS_ADMIN)) != 0);
  for (const auto& m : out.volumes)
    if (out.limits.default_devices && is_device(m, st))
      out.limits.devices.push_back(cat(S_ISCHR(st.st_mode) ? "c " : "b ", major(st.st_rdev), ":", minor(st.st_rdev),
                                       m.read_only ? " r" : " rw"));
}

// Lowering the score needs a capability that a rkt inside of a container may lack, and a user namespace always does.
void plan_oom_score(const appc::Isolators& isolators, bool private_users, AppPlan& out, const Warn& warn) {
  if (!isolators.oom_score_adj) return;
  const auto own = parse_int<int>(trim(read_file("/proc/self/oom_score_adj"))).value_or(0);
  const bool may = !private_users && known_ids() == Ids::all && (own_effective_caps() & cap_bit(CAP_SYS_RESOURCE)) != 0;
  if (*isolators.oom_score_adj < own && !may)
    warn(
        cat("warning: app ", quoted(out.name), ": no permission to lower the OOM score to ", *isolators.oom_score_adj));
  else
    out.oom_score = cat(*isolators.oom_score_adj);
}

void plan_handlers(const PodApp& app, AppPlan& out) {
  for (const auto& h : app.app().event_handlers) {
    if (h.exec.empty() || !h.exec.front().starts_with('/'))
      throw Error(Errc::invalid, cat("event handler ", quoted(h.name), " needs an absolute path"));
    (h.name == "pre-start" ? out.pre_start : out.post_stop).push_back(h.exec);
  }
}

// The operator's annotation must be right; what an image says wrongly does not keep it from running.
int plan_stop_signal(const PodApp& app, const Warn& warn) {
  if (const auto* text = appc::find_app_flag(app.runtime.annotations, "stop-signal")) {
    if (const auto number = parse_signal(*text)) return *number;
    throw Error(Errc::invalid, cat("stop signal ", quoted(*text), " is no signal"));
  }
  const auto* text = appc::find_annotation(app.image.annotations, appc::kStopSignal);
  if (text == nullptr) return SIGTERM;
  if (const auto number = parse_signal(*text)) return *number;
  warn(cat("warning: stop signal ", quoted(*text), " of the image of app ", quoted(app.name()), " ignored"));
  return SIGTERM;
}

appc::RestartPolicy plan_restart(const PodApp& app) {
  const auto* text = appc::find_app_flag(app.runtime.annotations, "restart");
  return text != nullptr ? appc::parse_restart(*text) : appc::RestartPolicy{};
}

void plan_notification(const PodApp& app, AppPlan& out) {
  const auto* text = appc::find_annotation(app.image.annotations, "appc.io/executor/supports-systemd-notify");
  out.notifies = text != nullptr && parse_bool(*text).value_or(false);
  if (!out.notifies) return;
  set_variable(out.env, "NOTIFY_SOCKET", kAppNotifySocket);
}

// A target that is a link of the image's counts as where it leads to: what is mounted above it comes before.
std::vector<VolumeMount> order_volumes(const DirFd& root, std::vector<VolumeMount> volumes, const Warn& warn) {
  std::vector<std::pair<std::size_t, VolumeMount>> placed;
  for (auto& m : volumes) {
    if (is_at_or_below(m.target, "/proc"))
      warn(cat("warning: the volume for ", quoted(m.target), " is left out: \"/proc\" is the kernel's"));
    m.place = stage1::resolve_links(root, m.target);
    placed.emplace_back(std::ranges::count(m.place, '/'), std::move(m));
  }
  std::ranges::stable_sort(placed, {}, &decltype(placed)::value_type::first);
  volumes.clear();
  for (auto& [depth, m] : placed) volumes.push_back(std::move(m));
  return volumes;
}

// A bare name is looked for where the volumes are, if one could have it: by the app's process, when it starts.
void plan_program(const appc::App& a, const DirFd& root, AppPlan& out) {
  out.argv = a.exec;
  std::string& name = out.argv.front();
  auto places = stage1::executable_places(name, a.find_env("PATH"), out.directory);
  const auto in_volume = [&](const std::string& place) { return lies_in_volume(out.volumes, root, place); };
  if (name.find('/') == std::string::npos && std::ranges::any_of(places, in_volume))
    out.places = std::move(places);
  else
    name = stage1::find_executable(root, name, a.find_env("PATH"), out.directory);
}

// Users and groups are those of the image alone, as in the reference.
void mention_volumes(const appc::App& a, const DirFd& root, AppPlan& out) {
  for (const std::string& file : {a.user, a.group, std::string("/etc/passwd"), std::string("/etc/group")})
    if (file.starts_with('/') && lies_in_volume(out.volumes, root, file)) {
      out.fault->text += "; volumes are not looked at for users and groups: use a number";
      return;
    }
}

// What `run` and `enter` have in common.
AppPlan plan_process(const PodApp& app, const appc::Isolators& isolators, uid_t uid, const Restrictions& restrictions,
                     bool private_users, const Warn& warn) {
  AppPlan out;
  out.name = app.name();
  const std::string* arch = appc::find_label(app.image.labels, "arch");
  out.confinement = plan_confinement(isolators, uid, restrictions, arch == nullptr ? std::string_view() : *arch);
  out.file_context = restrictions.selinux.files;
  plan_oom_score(isolators, private_users, out, warn);
  plan_environment(app, out);
  return out;
}

PodNamespaces namespaces_of(const RunOptions& options) {
  return {.network = options.net.contained(), .ipc = !options.host_ipc};
}

// The pod's annotation; else what the app that wants most has been given.
std::optional<std::int64_t> plan_shm_size(const Pod& pod) {
  const auto find = [](const std::vector<appc::Annotation>& all) -> std::optional<std::int64_t> {
    const auto* text = appc::find_annotation(all, appc::kShmSize);
    if (text == nullptr) return std::nullopt;
    return in_context([] { return cat("annotation ", appc::kShmSize); }, [&] { return appc::parse_shm_size(*text); });
  };
  auto out = find(pod.manifest.annotations);
  if (out) return out;
  for (const auto& app : pod.apps)
    if (const auto size = find(app.runtime.annotations)) out = std::max(out.value_or(0), *size);
  return out;
}

void plan_pod_isolators(const Pod& pod, const RunOptions& options, PodPlan& out, const Warn& warn) {
  const auto isolators = appc::interpret_pod_isolators(pod.manifest.isolators, "isolators");
  for (const auto& name : isolators.unknown)
    warn(cat("warning: unknown isolator ", quoted(name), " of the pod ignored"));
  out.limits = limits_of(isolators);
  add_sysctls(isolators.sysctls, namespaces_of(options), out.sysctls);
}

net::PortForward forward(const appc::ExposedPort& exposed, const appc::Port& port) {
  return {.protocol = lower(port.protocol),
          .host_ip = exposed.host_ip,
          .host_port = exposed.host_port,
          .pod_port = port.port};
}

}  // namespace

void set_variable(std::vector<std::string>& env, std::string_view name, std::string_view value) {
  const std::string begin = cat(name, "=");
  std::erase_if(env, [&](const std::string& v) { return v.starts_with(begin); });
  env.push_back(cat(begin, value));
}

bool AppPlan::looks_at_pod() const noexcept { return (confinement.caps & cap_bit(CAP_SYS_PTRACE)) != 0; }

bool PodPlan::has_handlers() const {
  return std::ranges::any_of(apps, [](const AppPlan& a) { return !a.pre_start.empty() || !a.post_stop.empty(); });
}

bool PodPlan::restarts_apps() const {
  return std::ranges::any_of(apps, [](const AppPlan& a) { return a.restarts(); });
}

bool PodPlan::restarts_need_cgroups() const {
  return std::ranges::any_of(apps, [](const AppPlan& a) { return a.restarts() && !a.own_processes; });
}

bool PodPlan::may_look_into_init() const { return std::ranges::any_of(apps, &AppPlan::looks_at_pod); }

void check_apart(const std::vector<const AppPlan*>& apps) {
  for (const auto* looks : apps)
    for (const auto* other : apps) {
      if (!looks->looks_at_pod() || other == looks || !(looks->own_processes || other->own_processes)) continue;
      throw Error(Errc::unsupported,
                  cat("app ", quoted(looks->name), " has CAP_SYS_PTRACE, and so could look into app ",
                      quoted(other->name), ": --pid=private does not keep them apart"))
          .hint(cat("run app ", quoted(looks->name), " in a pod of its own, or with --caps-remove=CAP_SYS_PTRACE"));
    }
}

Error no_restarts() {
  return Error(Errc::unsupported, "--restart needs cgroups here, to tell which processes an ended app has left")
      .hint("run each such app in a pod of its own, or give this user a cgroup (systemd: Delegate=yes)");
}

void check_devices(const AppPlan& app, const cgroup::PodCgroups& cgroups) {
  if (!app.read_only_device || !app.limits.default_devices || cgroups.has("devices")) return;
  throw Error(Errc::unsupported,
              cat("app ", quoted(app.name), ": a read-only device volume needs a devices cgroup, and there is none"))
      .hint("leave out readOnly=true, if the app may write the device");
}

void withhold_network(PodPlan& plan, const Warn& warn) {
  for (auto& app : plan.apps) {
    CapMask& caps = app.confinement.caps;
    if ((caps & cap_bit(CAP_NET_ADMIN)) != 0)
      throw Error(Errc::unsupported, cat("app ", quoted(app.name),
                                         " has CAP_NET_ADMIN, and the pod is passed a socket "
                                         "of the host's network, which it would rule with it"))
          .hint("leave out the capability, or use --private-users, or --net=host if the app is to rule that network");
    if (caps != kDefaultCaps && (caps & kNetworkCaps) != 0)
      warn(cat("warning: app ", quoted(app.name),
               " goes without CAP_NET_RAW: the pod is passed a socket of the host's network"));
    caps &= ~kNetworkCaps;
  }
}

AppPlan plan_app(const Pod& pod, const PodApp& app, const RunOptions& options, const Warn& warn) {
  const appc::App& a = app.app();
  const auto isolators = appc::interpret_isolators(a.isolators, "isolators");
  const DirFd root = pod.stage1.sub(app_root_in_stage1(app.name()));
  const AppIds ids = find_ids(app, root, options.users);
  AppPlan out = plan_process(app, isolators, ids.uid, options.restrictions, options.users.has_value(), warn);
  out.directory = a.working_directory.empty() ? "/" : a.working_directory;
  out.volumes = order_volumes(root, plan_volumes(app.runtime, a.mount_points, pod.manifest, warn), warn);
  plan_program(a, root, out);
  out.uid = ids.uid;
  out.gid = ids.gid;
  out.groups = ids.groups;
  out.fault = ids.fault;
  if (out.fault) mention_volumes(a, root, out);
  out.users = options.users;
  // Interactive, it has the caller's streams, whatever is said about those of its own.
  if (!options.interactive) out.streams = plan_streams(app.runtime.annotations);
  if (out.streams.has_terminal()) plan_terminal(out);
  if (auto directory = kubernetes_log_directory(pod.manifest.annotations))
    out.streams.kubernetes = {std::move(*directory), kubernetes_log_name(app.runtime.annotations)};
  plan_notification(app, out);
  add_sysctls(isolators.sysctls, namespaces_of(options), out.sysctls);
  if (options.mutable_pod && !out.sysctls.empty())
    throw Error(Errc::unsupported, "isolator os/unix/sysctl: the kernel parameters of a mutable pod are its own")
        .hint("give the isolator to the pod");
  if (out.confinement.label) check_label_support(*out.confinement.label);
  for (const auto& w : out.confinement.warnings) warn(cat(w, " (app ", quoted(out.name), ")"));
  out.syslog = std::ranges::none_of(
      out.volumes, [](const VolumeMount& m) { return m.place == "/dev" || is_at_or_below(m.place, "/dev/log"); });
  plan_limits(isolators, options.restrictions, out);
  plan_handlers(app, out);
  out.sockets = plan_sockets(app, pod.manifest.ports, warn);
  out.stop_signal = plan_stop_signal(app, warn);
  out.restart = plan_restart(app);
  out.own_processes = appc::pid_mode_of(app.runtime.annotations) == appc::PidMode::own;
  out.read_only_root = app.runtime.read_only_rootfs;
  out.copy_up = app.image.is_docker();
  out.has_hosts = std::ranges::any_of(out.volumes, [](const VolumeMount& m) { return m.target == "/etc/hosts"; }) ||
                  root.find_in_root("/etc/hosts", O_PATH | O_NOFOLLOW).has_value();
  return out;
}

AppPlan plan_enter(const PodApp& app, const PodState::App& running, const Restrictions& restrictions,
                   const std::optional<IdRange>& users, const Warn& warn) {
  const auto isolators = appc::interpret_isolators(app.app().isolators, "isolators");
  AppPlan out = plan_process(app, isolators, running.uid, restrictions, users.has_value(), warn);
  out.confinement.no_new_privs = out.confinement.no_new_privs || running.no_new_privs;
  out.uid = running.uid;
  out.gid = running.gid;
  out.groups = running.groups;
  out.users = users;
  return out;
}

void change_user(AppPlan& plan, const DirFd& root, const std::string& account) {
  AppIds ids = find_account_ids(root, account, plan.users);
  plan.uid = ids.uid;
  plan.gid = ids.gid;
  plan.groups = std::move(ids.groups);
  if (plan.uid != 0 && plan.confinement.filter) plan.confinement.no_new_privs = true;
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

void check_kubernetes_logs(const Pod& pod) {
  if (!kubernetes_log_directory(pod.manifest.annotations)) return;
  std::map<std::string, std::string> owners;
  for (const auto& app : pod.apps) {
    const std::string file = kubernetes_log_name(app.runtime.annotations);
    if (const auto [owner, alone] = owners.emplace(file, app.name()); !alone)
      throw Error(Errc::invalid, cat("apps ", quoted(owner->second), " and ", quoted(app.name()),
                                     " have the same kubernetes-log-path, ", quoted(file)));
  }
}

PodPlan plan_pod(const Pod& pod, const RunOptions& options, bool stdin_is_terminal, const Warn& warn) {
  if (options.interactive && options.mutable_pod)
    throw Error(Errc::usage, "interactive option does not go with mutable pods");
  if (options.interactive && pod.apps.size() > 1)
    throw Error(Errc::usage, "interactive option only supports pods with one app");
  PodPlan out;
  out.hostname = options.hostname.empty() ? cat("rkt-", options.uuid.str()) : options.hostname;
  out.own_ipc = !options.host_ipc;
  out.users = options.users;
  out.protect_paths = options.restrictions.paths;
  out.selinux = options.restrictions.selinux;
  out.terminal = options.interactive && stdin_is_terminal;
  if (options.mutable_pod && options.users)
    throw Error(Errc::unsupported, "--private-users is not supported by mutable pods");
  out.shm_size = plan_shm_size(pod);
  plan_pod_isolators(pod, options, out, warn);
  // A mutable pod's are planned when they are started.
  for (const auto& app : pod.apps)
    if (!options.mutable_pod)
      out.apps.push_back(in_context([&] { return cat("app ", quoted(app.name())); },
                                    [&] { return plan_app(pod, app, options, warn); }));
  if (out.terminal) std::ranges::for_each(out.apps, plan_terminal);
  for (const auto& app : out.apps) merge_sysctls(app.sysctls, out.sysctls);
  std::vector<const AppPlan*> all;
  for (const auto& app : out.apps) all.push_back(&app);
  if (options.restrictions.capabilities) check_apart(all);
  check_kubernetes_logs(pod);
  out.ports = plan_ports(pod);
  return out;
}

}  // namespace rkt::native
