// SPDX-License-Identifier: Apache-2.0
// Apps of a running mutable pod (docs/devel/pod-lifecycle.md). stage0 works in the mount namespace that the pod lives
// in, attaches roots there and replaces the manifest; what is done to processes is stage1's.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "pod/mounts.h"
#include "schema/appc/environment.h"
#include "stage0/app_root.h"
#include "stage0/apps.h"
#include "stage0/call.h"
#include "stage0/labels.h"
#include "stage0/mounts.h"
#include "stage0/stage0.h"
#include "stage0/trees.h"
#include "sys/file.h"
#include "sys/ns.h"

namespace rkt::stage0 {
namespace {

constexpr int kNotRunning = 5;  // what stage1's app/stop ends with (pods §2.6)
constexpr std::size_t kMountinfoLimit = std::size_t{64} << 20;

// One change of a pod at a time.
DirLock lock_apps(const DirFd& pod) { return DirLock::take(pod.open_file("pod.lck", O_RDONLY), LockMode::exclusive); }

std::optional<int> parent_of(int pid) {
  const std::string status = find_file_text(DirFd::open("/proc"), cat(pid, "/status"), 65536).value_or("");
  for (const auto line : split(status, '\n'))
    if (line.starts_with("PPid:")) return parse_int<int>(trim(line.substr(5)));
  return std::nullopt;
}

// A process that sees the root of stage1 where it is mounted: it may be process 1, or the one that started that.
// Empty: nothing is mounted.
UniqueFd find_mounts(const pod::Pod& pod, const std::string& path) {
  if (!pod.uses_overlay()) return {};
  const std::string root = cat(path, "/stage1/rootfs");
  auto pid = pod.pid();
  for (int generation = 0; generation < 2 && pid && *pid > 1; ++generation, pid = parent_of(*pid)) {
    auto process = open_pidfd(*pid);
    if (!process) break;
    const auto mounts = find_file_text(DirFd::open("/proc"), cat(*pid, "/mountinfo"), kMountinfoLimit);
    if (mounts && !pod::plan_detach(*mounts, root).empty() && !has_ended(process->get())) return std::move(*process);
  }
  throw Error(Errc::not_found, "the mounts of the pod cannot be found");
}

appc::PodManifest mutable_manifest(const DirFd& pod) {
  auto m = appc::parse_pod_manifest(read_file(pod, "pod"));
  const auto* value = appc::find_annotation(m.annotations, "coreos.com/rkt/stage1/mutable");
  if (value == nullptr || !parse_bool(*value).value_or(false)) throw Error(Errc::invalid, "immutable pod");
  return m;
}

void write_manifest(const DirFd& pod, const appc::PodManifest& manifest) {
  AtomicFile file(pod, "pod", 0640);
  write_all(file.fd(), appc::write(manifest), "pod");
  file.commit(AtomicFile::Sync::no);  // a power cut ends the pod anyway
}

void touch(const DirFd& root, const std::string& name) {
  write_file(root.make_path_in_root("rkt/status"), name, "", 0644);
}

// What a stage1 may start the app with (ours reads the manifest).
void write_environment(const DirFd& root, const std::string& name, const appc::App& app) {
  auto environment = appc::compose_environment(app.environment);
  std::erase_if(environment, [](const appc::EnvVar& v) { return v.name == "AC_APP_NAME"; });
  environment.push_back({"AC_APP_NAME", name});
  const DirFd dir = root.make_path_in_root("rkt/env");
  dir.unlink(name);
  write_file(dir, name, appc::write_env_file(environment), 0644);
}

void require_app(const appc::PodManifest& m, const std::string& app) {
  if (m.find_app(app) == nullptr) throw Error(Errc::not_found, cat("error: nonexistent app ", quoted(app)));
}

void forget_app(const DirFd& pod, const std::string& app) {
  auto m = appc::parse_pod_manifest(read_file(pod, "pod"));
  std::erase_if(m.apps, [&](const appc::RuntimeApp& a) { return a.name.str() == app; });
  write_manifest(pod, m);
}

}  // namespace

void add_app(store::Store& store, const pod::Pods& pods, const Uuid& id, const AppRequest& request, bool debug) {
  auto pod = pod::Pod::open(pods, id);
  const std::string path = pod.path(pods);
  const DirLock lock = lock_apps(pod.dir());
  auto manifest =
      in_context([] { return std::string("cannot add application"); }, [&] { return mutable_manifest(pod.dir()); });
  appc::RuntimeApp app = plan_app(request, {}, {});
  Stage1::of(pod.dir()).check_app(app);
  const std::string name = app.name.str();
  if (manifest.find_app(name) != nullptr) throw Error(Errc::invalid, cat("error: multiple apps with name ", name));
  const KeyLock trees = store::prepare_lock(store.data_path(), LockMode::shared);
  const std::string id_of_tree = tree::render(store, request.image, request.trees).id;
  store.touch(request.image, std::chrono::system_clock::now());
  const auto tree = pod.uses_overlay() ? open_tree(store, id_of_tree, request.trees) : PodTree();

  const UniqueFd process = find_mounts(pod, path);
  std::optional<MountScope> scope;
  if (process) scope.emplace(process.get());
  const DirFd inside = DirFd::open(path), root = inside.sub("stage1/rootfs");
  remove_app_root(inside, root, name);  // what a removal left that was cut off
  try {
    const DirFd info = inside.make_sub("appsinfo", 0750).make_sub(name, 0750);
    write_file(info, "manifest", request.image.manifest, 0640);
    if (pod.uses_overlay()) {
      write_file(info, "treeStoreID", id_of_tree, 0640);
      attach_app(inside, root, name, tree);
    } else {
      copy_app(store, request, root, name);
    }
    add_mtab(root, name);
    if (!pod.uses_overlay()) relabel(app_files(root, name), find_contexts(inside).files);
    manifest.apps.push_back(std::move(app));
    write_manifest(inside, manifest);
    write_environment(root, name, *manifest.apps.back().app);
    touch(root, cat(name, "-created"));
    call_crossing(store, pods, pod, {.verb = "app/add", .args = {cat("--uuid=", id.str()), cat("--app=", name)}},
                  debug);
  } catch (const Error&) {
    forget_app(inside, name);
    remove_app_root(inside, root, name);
    throw;
  }
}

void start_app(const store::Store& store, const pod::Pods& pods, const Uuid& id, const std::string& app, bool debug) {
  auto pod = pod::Pod::open(pods, id);
  const std::string path = pod.path(pods);
  const DirLock lock = lock_apps(pod.dir());
  require_app(mutable_manifest(pod.dir()), app);
  const UniqueFd process = find_mounts(pod, path);
  std::optional<MountScope> scope;
  if (process) scope.emplace(process.get());
  const DirFd status = DirFd::open(path).sub("stage1/rootfs").make_path_in_root("rkt/status");
  const bool runs = status.exists(cat(app, "-started")) && !status.exists(app);
  if (!runs) {
    status.unlink(app);
    status.unlink(cat(app, ".oom-killed"));
    status.unlink(cat(app, ".restarts"));
    status.unlink(cat(app, "-started"));
    write_file(status, cat(app, "-started"), "", 0644);
  }
  call_crossing(store, pods, pod, {.verb = "app/start", .args = {cat("--app=", app)}}, debug);
}

void stop_app(const store::Store& store, const pod::Pods& pods, const Uuid& id, const StopRequest& request) {
  auto pod = pod::Pod::open(pods, id);
  require_app(mutable_manifest(pod.dir()), request.app);
  auto args = Stage1::of(pod.dir()).stop_args(request);
  args.push_back(cat("--app=", request.app));
  try {
    call_crossing(store, pods, pod, {.verb = "app/stop", .args = std::move(args)}, request.debug);
  } catch (const Error& e) {
    if (e.exit_code() != kNotRunning) throw;
    throw Error(Errc::not_found, cat("app ", quoted(request.app), " is not running"));
  }
}

void remove_app(const store::Store& store, const pod::Pods& pods, const Uuid& id, const std::string& app, bool debug) {
  auto pod = pod::Pod::open(pods, id);
  const std::string path = pod.path(pods);
  const DirLock lock = lock_apps(pod.dir());
  require_app(mutable_manifest(pod.dir()), app);
  std::optional<MountScope> scope;
  std::optional<DirFd> root = pod.stage1_files();
  if (pod.state() == pod::State::running) {
    try {
      call_crossing(store, pods, pod, {.verb = "app/stop", .args = {cat("--app=", app)}}, debug);
    } catch (const Error& e) {
      if (e.exit_code() != kNotRunning) throw;
    }
    call_crossing(store, pods, pod, {.verb = "app/rm", .args = {cat("--app=", app)}}, debug);
    if (const UniqueFd process = find_mounts(pod, path)) scope.emplace(process.get());
    root = DirFd::open(path).sub("stage1/rootfs");
  }
  const DirFd inside = DirFd::open(path);
  forget_app(inside, app);
  if (root) remove_app_root(inside, *root, app);
}

}  // namespace rkt::stage0
