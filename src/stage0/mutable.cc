// SPDX-License-Identifier: Apache-2.0
// Apps of a running mutable pod (docs/devel/pod-lifecycle.md). stage0 works in the mount namespace that the pod lives
// in, attaches roots there and replaces the manifest; what is done to processes is stage1's.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ranges>

#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "schema/appc/environment.h"
#include "stage0/app_root.h"
#include "stage0/apps.h"
#include "stage0/call.h"
#include "stage0/labels.h"
#include "stage0/mounts.h"
#include "stage0/pod_mounts.h"
#include "stage0/stage0.h"
#include "stage0/trees.h"
#include "sys/file.h"

namespace rkt::stage0 {
namespace {

constexpr int kNotRunning = 5;  // what stage1's app/stop ends with (pods §2.6)
constexpr int kEndedEarly = 7;  // app/start: the app was begun, and its end is on record, or will be

// One change of a pod at a time.
DirLock lock_apps(const DirFd& pod) { return DirLock::take(pod.open_file("pod.lck", O_RDONLY), LockMode::exclusive); }

appc::PodManifest mutable_manifest(const DirFd& pod) {
  auto m = appc::parse_pod_manifest(read_file(pod, "pod"));
  const auto* value = appc::find_annotation(m.annotations, "coreos.com/rkt/stage1/mutable");
  if (value == nullptr || !parse_bool(*value).value_or(false)) throw Error(Errc::invalid, "immutable pod");
  return m;
}

void write_manifest(const DirFd& pod, const std::string& text) {
  AtomicFile file(pod, "pod", 0640);
  write_all(file.fd(), text, "pod");
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

// S1/rkt/status has a mark of each app, APP-created and APP-started, beside the status of an app of that name.
void check_name(const appc::PodManifest& m, const std::string& name) {
  for (const auto& app : m.apps) {
    const std::string& other = app.name.str();
    if (other == name) throw Error(Errc::invalid, cat("error: multiple apps with name ", name));
    for (const char* mark : {"-created", "-started"})
      if (cat(other, mark) == name || cat(name, mark) == other)
        throw Error(Errc::invalid, cat("app name ", quoted(name), " cannot stand beside ", quoted(other),
                                       ": one is a mark of the other in the pod"))
            .hint("choose another with --name");
  }
}

void require_app(const appc::PodManifest& m, const std::string& app) {
  if (m.find_app(app) == nullptr) throw Error(Errc::not_found, cat("error: nonexistent app ", quoted(app)));
}

void forget_app(const DirFd& pod, const std::string& app) {
  auto m = appc::parse_pod_manifest(read_file(pod, "pod"));
  std::erase_if(m.apps, [&](const appc::RuntimeApp& a) { return a.name.str() == app; });
  write_manifest(pod, appc::write(m));
}

// A step of taking back what was half done: the others and the error that led here must not be lost with it.
template <class Step>
void take_back(std::string_view what, Step&& step) noexcept {
  try {
    step();
  } catch (const std::exception& e) {
    log::note("stage0", cat("warning: cannot take back ", what, ": ", e.what()));
  }
}

// What is on record of how an app ended is put aside, while a stage1 that does not see to that is asked to start it
// again; and put back unless it does. Killed meanwhile, the app is said to run.
class LastEnd {
 public:
  LastEnd(const DirFd& pod, const DirFd& status, const std::string& app) : pod_(pod), status_(status), app_(app) {
    for (const char* suffix : kRunSuffixes) status_.unlink(aside(suffix));  // of a start before
    ScopeExit undo([this] { take_back(text(), [this] { put_back(); }); });
    for (const char* suffix : kRunSuffixes | std::views::reverse) move(cat(app_, suffix), aside(suffix));
    write_file(status_, cat(app_, "-started"), "", 0644);
    undo.release();
  }
  // The lock was given away with the question. Whoever had it since saw an app that is started, or has removed it.
  ~LastEnd() {
    take_back(text(), [this] { begun_ ? forget() : restore(); });
  }
  LastEnd(const LastEnd&) = delete;
  LastEnd& operator=(const LastEnd&) = delete;
  void set_begun() noexcept { begun_ = true; }

 private:
  std::string text() const { return cat("the start of app ", app_); }
  std::string aside(const char* suffix) const { return cat(app_, suffix, kAside); }
  void move(const std::string& from, const std::string& to) const {
    if (status_.exists(from)) status_.rename(from, status_, to);
  }
  // Without waiting: the next start, or removal, does it as well.
  void forget() const {
    const auto lock = DirLock::try_take(pod_.open_file("pod.lck", O_RDONLY), LockMode::exclusive);
    if (!lock) return;
    for (const char* suffix : kRunSuffixes) status_.unlink(aside(suffix));
  }
  void restore() const {
    const DirLock lock = lock_apps(pod_);
    if (status_.exists(app_)) return;  // it did begin, and has ended
    status_.unlink(cat(app_, "-started"));
    put_back();
  }
  // The end first, which is taken away last: an app that was started and has none is one that runs.
  void put_back() const {
    for (const char* suffix : kRunSuffixes) move(aside(suffix), cat(app_, suffix));
  }

  const DirFd& pod_;
  const DirFd& status_;
  const std::string& app_;
  bool begun_ = false;
};

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
  check_name(manifest, name);
  manifest.apps.push_back(std::move(app));
  const std::string text = appc::write_readable(manifest);
  const KeyLock trees = store::prepare_lock(store.data_path(), LockMode::shared);
  const std::string id_of_tree = tree::render(store, request.image, request.trees).id;
  store.touch(request.image, std::chrono::system_clock::now());
  const auto tree = pod.uses_overlay() ? open_tree(store, id_of_tree, request.trees, Looked::already) : PodTree();

  std::optional<MountScope> scope;
  enter_pod_mounts(scope, pod, path);
  const DirFd inside = DirFd::open(path), root = inside.sub("stage1/rootfs");
  remove_app_root(inside, root, name);  // what a removal left that was cut off
  bool listed = false;
  ScopeExit undo([&] {
    take_back(cat("the files of app ", name), [&] { remove_app_root(inside, root, name); });
    // Last: a new manifest takes room, which those gave back.
    if (listed) take_back(cat("the entry of app ", name, " in the pod manifest"), [&] { forget_app(inside, name); });
  });
  const DirFd info = inside.make_sub("appsinfo", 0750).make_sub(name, 0750);
  write_file(info, "manifest", request.image.manifest, 0640);
  if (pod.uses_overlay()) {
    write_file(info, "treeStoreID", id_of_tree, 0640);
    attach_app(inside, root, name, make_app_mount(inside, name, tree));
  } else {
    copy_app(store, request, root, name);
  }
  add_mtab(root, name);
  if (!pod.uses_overlay()) relabel(app_files(root, name), find_contexts(inside).files);
  // Before the manifest names it: an app that it names is one that can be started.
  write_environment(root, name, *manifest.apps.back().app);
  touch(root, cat(name, "-created"));
  write_manifest(inside, text);
  listed = true;
  call_crossing(store, pods, pod, {.verb = "app/add", .args = {cat("--uuid=", id.str()), cat("--app=", name)}}, debug)
      .require();
  undo.release();
}

void start_app(const store::Store& store, const pod::Pods& pods, const Uuid& id, const std::string& app, bool debug) {
  auto pod = pod::Pod::open(pods, id);
  const std::string path = pod.path(pods);
  DirLock lock = lock_apps(pod.dir());
  require_app(mutable_manifest(pod.dir()), app);
  std::optional<MountScope> scope;
  enter_pod_mounts(scope, pod, path);
  const DirFd status = DirFd::open(path).sub("stage1/rootfs").make_path_in_root("rkt/status");
  const bool runs = status.exists(cat(app, "-started")) && !status.exists(app);
  std::optional<LastEnd> last;
  if (!runs && !Stage1::of(pod.dir()).takes("app-started")) last.emplace(pod.dir(), status, app);
  const Outcome outcome = call_crossing(
      store, pods, pod, {.verb = "app/start", .args = {cat("--app=", app)}, .lock = lock.release()}, debug);
  if (last && (outcome.status == 0 || outcome.status == kEndedEarly)) last->set_begun();
  outcome.require();
}

void stop_app(const store::Store& store, const pod::Pods& pods, const Uuid& id, const StopRequest& request) {
  auto pod = pod::Pod::open(pods, id);
  require_app(mutable_manifest(pod.dir()), request.app);
  auto args = Stage1::of(pod.dir()).stop_args(request);
  args.push_back(cat("--app=", request.app));
  std::optional<MountScope> scope;
  enter_pod_mounts(scope, pod, pod.path(pods));
  const Outcome outcome = call_crossing(store, pods, pod, {.verb = "app/stop", .args = std::move(args)}, request.debug);
  if (outcome.status == kNotRunning) throw Error(Errc::not_found, cat("app ", quoted(request.app), " is not running"));
  outcome.require();
}

void remove_app(const store::Store& store, const pod::Pods& pods, const Uuid& id, const std::string& app, bool debug) {
  auto pod = pod::Pod::open(pods, id);
  const std::string path = pod.path(pods);
  const DirLock lock = lock_apps(pod.dir());
  require_app(mutable_manifest(pod.dir()), app);
  std::optional<MountScope> scope;
  std::optional<DirFd> root = pod.stage1_files();
  if (pod.state() == pod::State::running) {
    enter_pod_mounts(scope, pod, path);
    const Outcome stop = call_crossing(store, pods, pod, {.verb = "app/stop", .args = {cat("--app=", app)}}, debug);
    if (stop.status != kNotRunning) stop.require();
    call_crossing(store, pods, pod, {.verb = "app/rm", .args = {cat("--app=", app)}}, debug).require();
    root = DirFd::open(path).sub("stage1/rootfs");
  }
  const DirFd inside = DirFd::open(path);
  forget_app(inside, app);
  if (root) remove_app_root(inside, *root, app);
}

}  // namespace rkt::stage0
