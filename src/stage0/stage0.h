// SPDX-License-Identifier: Apache-2.0
// Pods from images: prepare, run, enter, stop and removal. Builds the stage1 call (docs/devel/stage1-interface.md).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "image/insecure.h"
#include "pod/pod.h"
#include "schema/appc/pod_manifest.h"
#include "store/store.h"
#include "tree/tree.h"

namespace rkt::stage0 {

/// Everything of `rkt run`/`prepare` that is not yet a file: images are found and verified before.
struct AppRequest {
  store::ImageRecord image;
  appc::ImageManifest manifest;   ///< of the image
  std::vector<std::string> args;  ///< appended to exec
  bool replace_args = false;      ///< instead of what the image has behind exec's first word (`app add`)
  std::optional<std::string> exec, name, working_dir, user, group, memory, cpu, seccomp;
  std::optional<std::vector<std::int64_t>> supplementary_gids;
  std::optional<std::vector<std::string>> caps_retain, caps_remove;
  std::optional<std::int64_t> cpu_shares;
  std::optional<int> oom_score_adj;
  bool read_only_rootfs = false;
  std::vector<appc::Mount> mounts;
  std::vector<appc::EnvVar> environment;  ///< --environment
  std::vector<appc::Annotation> annotations;
  appc::StringPairs user_annotations, user_labels;
  tree::Options trees;  ///< of `app add`; a whole pod has PrepareRequest's
};

struct PrepareRequest {
  std::vector<AppRequest> apps;
  std::optional<std::string> pod_manifest_bytes;  ///< --pod-manifest; then `apps` is empty
  store::ImageRecord stage1;
  std::vector<appc::Volume> volumes;
  std::vector<appc::Mount> mounts;  ///< pod-wide
  std::vector<appc::ExposedPort> ports;
  bool inherit_env = false;
  std::vector<appc::EnvVar> set_env_file, set_env;
  bool overlay = true;  ///< false: --no-overlay
  tree::Options trees;
  bool private_users = false;
  bool mutable_pod = false;  ///< may be without apps
  std::vector<appc::Annotation> annotations;
  appc::StringPairs user_annotations, user_labels;
};

struct RunOptions {
  cni::NetList net;               ///< empty = default
  bool external_plugins = false;  ///< --net-plugins=external
  bool interactive = false, mds_register = false;
  bool mutable_pod = false;  ///< apps come and go while it runs
  std::string hostname, ipc;
  std::vector<std::string> dns, dns_search, dns_opt, hosts_entry;
  std::string dns_domain;
  image::Insecure insecure;
  std::string local_config;
  bool debug = false;
  tree::Options trees;
};

/// Pure: the pod manifest that the flags make (pods §3.2). Throws the reference's texts.
appc::PodManifest plan_manifest(const PrepareRequest& request, const std::vector<appc::EnvVar>& own_env);

/// Of a request whose images are not known yet: throws for a mount of a volume that nobody gave.
void check_mounts(const PrepareRequest& request);

/// The images a pod manifest names: the caller has them found (and so verified) before prepare().
std::vector<std::string> image_ids(const std::string& pod_manifest_bytes);

/// Checks DNS, hosts and network flags before anything is made (the reference finds out too late). Throws "error with
/// dns flags: …".
void check_run_options(const RunOptions& options, bool has_ports);

/// A new pod directory, locked, in state preparing, with the name `name` unless that is "" (Errc::busy, and nothing is
/// made: a pod that has not ended has it). `uuid_file` is opened before it is made, and written when others can find
/// it; when it cannot be, no pod is left.
struct NewPod {
  Uuid id;
  DirFd dir;
  DirLock lock;
};
NewPod make_pod(const pod::Pods& pods, const std::string& uuid_file, const std::string& name = "");
/// Fills the pod directory: manifests, tree ids, markers; renders trees. Under the shared prepare lock. Returns the
/// pod's manifest, as it was written.
appc::PodManifest prepare(store::Store& store, const NewPod& pod, const PrepareRequest& request);
/// Trees and files are on disk, preparing -> prepared.
void finish_prepared(store::Store& store, const pod::Pods& pods, NewPod pod);

/// preparing -> running, mounts, and exec of stage1's run entry point in place of this process. `manifest`: what
/// prepare() returned. Returns only by throwing.
[[noreturn]] void run(store::Store& store, const pod::Pods& pods, NewPod pod, const appc::PodManifest& manifest,
                      const RunOptions& options);
/// prepared -> running; throws `pod "UUID" is not prepared` also when another run-prepared was faster (the lock is not
/// waited for).
[[noreturn]] void run_prepared(store::Store& store, const pod::Pods& pods, const Uuid& id, const RunOptions& options);

/// Who is not root becomes root of the user namespace that the pod runs in, or of a new one when it does not run.
void become_root_for(const pod::Pods& pods, pod::Pod& pod);

struct EnterRequest {
  std::string app;
  std::vector<std::string> command;
  std::string user;                               ///< "USER[:GROUP]"; "": the app's own
  std::optional<store::ImageRecord> debug_image;  ///< its file system is "/", the app's root is at /rkt/app
};
/// exec of stage1's enter. Returns only by throwing.
[[noreturn]] void enter(store::Store& store, const pod::Pods& pods, const Uuid& id, const EnterRequest& request);
/// exec of stage1's attach with these arguments. Returns only by throwing.
[[noreturn]] void attach(const store::Store& store, const pod::Pods& pods, const Uuid& id,
                         const std::vector<std::string>& args);
/// What is asked to end is killed after the grace; by default stage1's own, ten seconds for ours. `force`: at once,
/// without asking. Throws Errc::unsupported where stage1 has no such thing.
struct StopRequest {
  bool force = false;
  std::optional<std::chrono::milliseconds> grace;
  std::string app = {};  ///< of stop_app()
  bool debug = false;
};
void stop(const store::Store& store, const pod::Pods& pods, const Uuid& id, const StopRequest& request);

/// Apps of a running mutable pod (pods §10). All take POD/pod.lck. Throws `immutable pod`.
void add_app(store::Store& store, const pod::Pods& pods, const Uuid& id, const AppRequest& request, bool debug);
void start_app(const store::Store& store, const pod::Pods& pods, const Uuid& id, const std::string& app, bool debug);
/// Waits until it has ended. Throws Errc::not_found: app "NAME" is not running.
void stop_app(const store::Store& store, const pod::Pods& pods, const Uuid& id, const StopRequest& request);
/// Stops it when it runs. Also for a pod that has ended.
void remove_app(const store::Store& store, const pod::Pods& pods, const Uuid& id, const std::string& app, bool debug);

/// Removal of one finished pod: stage1 gc (its failure is reported and tolerated), leftover mounts, files; restartable
/// at every step (pods §1.8, 1.9).
void remove_pod(store::Store& store, const pod::Pods& pods, const Uuid& id, const std::string& local_config,
                bool debug);

struct GcOptions {
  std::chrono::nanoseconds grace_period{}, expire_prepared{};
  bool mark_only = false;
  std::string local_config;
  bool debug = false;
  std::function<void(std::string_view)> out, err;  ///< lines for stdout and stderr
};
/// The five passes of pods §1.8, then networks. False when a pass as a whole failed, those networks did, or a pod is
/// kept because stage1's gc failed.
bool gc(store::Store& store, const pod::Pods& pods, const GcOptions& options);

}  // namespace rkt::stage0
