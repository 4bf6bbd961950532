// SPDX-License-Identifier: Apache-2.0
// The whole plan of a pod, made before anything is: read-only looks into the apps' roots, no effects.
#pragma once

#include <signal.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cgroup/limits.h"
#include "cgroup/manager.h"
#include "net/network.h"
#include "schema/appc/restart.h"
#include "stage1/native/app_ids.h"
#include "stage1/native/confinement.h"
#include "stage1/native/options.h"
#include "stage1/native/pod.h"
#include "stage1/native/sockets.h"
#include "stage1/native/state.h"
#include "stage1/native/streams.h"
#include "stage1/native/sysctl.h"
#include "stage1/native/volumes.h"

namespace rkt::native {

struct AppPlan {
  std::string name;
  std::vector<std::string> argv;    ///< argv[0]: the executable, absolute; with `places` its name
  std::vector<std::string> places;  ///< where it may be, once the volumes are in place; the first that is one is it
  std::vector<std::string> env;     ///< K=V
  std::string directory;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  Confinement confinement;
  std::string file_context;  ///< SELinux's, of files that are made for it; "": the policy's
  std::optional<std::string> oom_score;
  cgroup::Limits limits;
  bool read_only_device = false;  ///< a volume is one: nothing but the device cgroup keeps it from being written
  std::vector<VolumeMount> volumes;
  std::optional<IdRange> users;  ///< ids above are those that the pod sees
  Sysctls sysctls;               ///< path below /proc/sys, value
  bool notifies = false;         ///< speaks sd_notify: readiness.h
  AppStreams streams;
  bool syslog = true;  ///< its /dev/log is ours; false: a volume brings one
  std::vector<SocketPort> sockets;
  bool own_processes = false;  ///< process 1 of a pid namespace of its own
  int stop_signal = SIGTERM;   ///< to its main process; SIGTERM goes to all of them
  appc::RestartPolicy restart;
  bool has_hosts = false;  ///< /etc/hosts is in the image or a volume
  bool read_only_root = false;
  bool copy_up = false;  ///< empty volumes start with what the image has there (Docker)
  std::vector<std::vector<std::string>> pre_start, post_stop;
  std::optional<StartFault> fault;

  /// It has CAP_SYS_PTRACE. A pid namespace of its own does not keep it from the pod's processes: somebody may hand it
  /// a descriptor of the /proc that shows them.
  bool looks_at_pod() const noexcept;
  bool restarts() const noexcept { return restart.when != appc::RestartPolicy::When::never; }
};

/// What the pod's id `id` is on the host.
inline uid_t on_host(const std::optional<IdRange>& users, uid_t id) { return users ? users->shift + id : id; }

struct PodPlan {
  std::string hostname;
  bool own_ipc = true;
  std::optional<IdRange> users;  ///< ids of apps are those that the pod sees
  bool protect_paths = true;
  bool terminal = false;  ///< --interactive, and rkt's stdin is a terminal
  std::vector<AppPlan> apps;
  std::vector<net::PortForward> ports;
  std::optional<std::int64_t> shm_size;  ///< of /dev/shm; else half of the memory
  cgroup::Limits limits;                 ///< of the pod as a whole
  Sysctls sysctls;
  SelinuxContexts selinux;

  bool has_handlers() const;
  bool restarts_apps() const;
  bool restarts_need_cgroups() const;  ///< to find what an app left; when it is not the only one
  bool has_terminal(const AppPlan& app) const { return terminal || app.streams.in == StreamMode::tty; }
  /// Processes of apps are launched for as long as the pod lives: outside.h.
  bool launches_later() const { return has_handlers() || restarts_apps(); }
  /// An app has CAP_SYS_PTRACE.
  bool may_look_into_init() const;
};

/// Throws when one of them could look into another one, and one of the two is to be apart. Those of a pod, or of a
/// mutable pod those that run.
void check_apart(const std::vector<const AppPlan*>& apps);

/// For several apps in a pod without cgroups: what an app leaves behind could not be told from the others, and would
/// add up.
Error no_restarts();

/// Throws when the app could write a device that is to be read only. `cgroups`: the pod's.
void check_devices(const AppPlan& app, const cgroup::PodCgroups& cgroups);

/// Sets a variable of K=V strings, instead of what the image or the manifest says.
void set_variable(std::vector<std::string>& env, std::string_view name, std::string_view value);

/// A file of POD: what AC_METADATA_URL is for the apps.
inline constexpr const char* kMetadataUrl = "metadata-url";

/// Where its apps' sockets listen.
inline SocketNetwork socket_network(const RunOptions& options) {
  return options.net.contained() ? SocketNetwork::own : SocketNetwork::host;
}

using Warn = std::function<void(std::string_view)>;

/// Throws what keeps the pod from starting; what keeps one app from starting is its `fault`.
PodPlan plan_pod(const Pod& pod, const RunOptions& options, bool stdin_is_terminal, const Warn& warn);

/// For a pod whose apps get sockets of a network that is not the pod's: apps of a pod reach each other's descriptors,
/// so none has kNetworkCaps. Throws for CAP_NET_ADMIN, which somebody asked for; warns where the set is not the
/// default.
void withhold_network(PodPlan& plan, const Warn& warn);

/// Throws for an annotation about a log for Kubernetes that is wrong, and for two apps with one file.
void check_kubernetes_logs(const Pod& pod);

/// One app's part of it.
AppPlan plan_app(const Pod& pod, const PodApp& app, const RunOptions& options, const Warn& warn);

/// The user with his groups, the confinement, the OOM score and the environment alone, for `enter`. As whom: what the
/// app was started as.
AppPlan plan_enter(const PodApp& app, const PodState::App& running, const Restrictions& restrictions,
                   const std::optional<IdRange>& users, const Warn& warn);
/// As another user of the app's: "USER" or "USER:GROUP" (stage1/common/accounts.h). What keeps the app from getting
/// privileges keeps him.
void change_user(AppPlan& plan, const DirFd& root, const std::string& account);

/// Host ports of the manifest, with the apps' ports that they name. Throws when one names none.
std::vector<net::PortForward> plan_ports(const Pod& pod);

}  // namespace rkt::native
