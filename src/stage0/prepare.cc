// SPDX-License-Identifier: Apache-2.0
// embryo -> preparing -> prepared: the files of a pod (docs/devel/pod-lifecycle.md).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "pod/name.h"
#include "stage0/app_root.h"
#include "stage0/apps.h"
#include "stage0/exec.h"
#include "stage0/manifest_check.h"
#include "stage0/overlay.h"
#include "stage0/port_claim.h"
#include "stage0/ports.h"
#include "stage0/stage0.h"
#include "stage0/trees.h"
#include "stage0/users.h"
#include "sys/file.h"
#include "sys/rootless.h"

namespace rkt::stage0 {
namespace {

// An app that the pod will have, and the image it comes from.
struct PlannedApp {
  std::string name;
  store::ImageRecord image;
};

struct Plan {
  appc::PodManifest manifest;
  std::string manifest_bytes;
  std::vector<PlannedApp> apps;
  std::vector<Forward> forwards;
};

std::vector<appc::EnvVar> own_variables() {
  std::vector<appc::EnvVar> out;
  for (const auto& v : own_environment())
    if (const auto equals = v.find('='); equals != std::string::npos)
      out.push_back({v.substr(0, equals), v.substr(equals + 1)});
  return out;
}

Plan plan_from_flags(const PrepareRequest& request) {
  Plan plan{.manifest = plan_manifest(request, request.inherit_env ? own_variables() : std::vector<appc::EnvVar>{}),
            .manifest_bytes = {},
            .apps = {},
            .forwards = {}};
  const auto& manifest = plan.manifest;
  check_settings(manifest);
  plan.manifest_bytes = appc::write_readable(manifest);
  for (std::size_t i = 0; i < manifest.apps.size(); ++i)
    plan.apps.push_back({manifest.apps[i].name.str(), request.apps[i].image});
  std::vector<const appc::App*> apps;
  for (const auto& app : manifest.apps) apps.push_back(&*app.app);
  plan.forwards = resolve_ports(manifest.ports, apps);
  return plan;
}

store::ImageRecord stored_image(const store::Store& store, const appc::ImageId& id) {
  auto image = store.find(store.resolve_id(id.str()));
  if (!image) throw Error(Errc::not_found, "no image IDs found");
  return std::move(*image);
}

// Returns what the app runs with.
appc::App add_planned(const store::Store& store, const appc::RuntimeApp& app, Plan& plan) {
  check_app_name(app.name);
  auto image = stored_image(store, app.image_id);
  const auto image_manifest = appc::parse_image_manifest(image.manifest);
  appc::check_runnable(image_manifest.labels);
  if (!app.app && !image_manifest.app)
    throw Error(Errc::invalid, "no app section in the pod manifest or the image manifest");
  if (!app.app) check_image_app(*image_manifest.app, image.name);
  plan.apps.push_back({app.name.str(), std::move(image)});
  return app.app ? *app.app : *image_manifest.app;
}

// --pod-manifest: the bytes stay as they are; images must be in the store.
Plan plan_from_manifest(const store::Store& store, const std::string& bytes) {
  Plan plan{.manifest = appc::parse_pod_manifest(bytes), .manifest_bytes = bytes, .apps = {}, .forwards = {}};
  const auto& manifest = plan.manifest;
  check_settings(manifest);
  check_pod_manifest(manifest);
  std::vector<appc::App> sections;
  for (std::size_t i = 0; i < manifest.apps.size(); ++i)
    in_place([&] { return cat("apps[", i, "]"); },
             [&] { sections.push_back(add_planned(store, manifest.apps[i], plan)); });
  std::vector<const appc::App*> pointers;
  for (const auto& s : sections) pointers.push_back(&s);
  for (std::size_t i = 0; i < manifest.ports.size(); ++i)
    in_place([&] { return cat("ports[", i, "]"); }, [&] { (void)resolve_ports({manifest.ports[i]}, pointers); });
  plan.forwards = resolve_ports(manifest.ports, pointers);
  return plan;
}

// Where the pod's trees go: overlays are made when it runs, copies now.
class Writer {
 public:
  Writer(store::Store& store, const DirFd& pod, const tree::Options& trees, bool overlay, std::optional<IdRange> users)
      : store_(store), pod_(pod), overlay_(overlay), trees_(trees), users_(users) {}

  void add_stage1(const store::ImageRecord& image) {
    log::debug("stage0", "Preparing stage1");
    const DirFd stage1 = pod_.make_sub("stage1", 0750);
    write_file(stage1, "manifest", image.manifest, 0640);
    const auto tree = render(image);
    write_file(pod_, "stage1TreeStoreID", tree.id, 0640);
    const DirFd rootfs = stage1.make_sub("rootfs", 0750);
    if (overlay_) return;
    tree::copy(tree, rootfs);
    rootfs.make_path_in_root("rkt/status");
    root_ = rootfs.clone();
  }

  void add_app(const PlannedApp& app) {
    log::debug("stage0", cat("Loading image ", app.image.key));
    const DirFd info = appsinfo_.make_sub(app.name, 0750);
    write_file(info, "manifest", app.image.manifest, 0640);
    const auto tree = render(app.image);
    if (overlay_) {
      write_file(info, "treeStoreID", tree.id, 0640);
      return;
    }
    close_app_roots(root_);
    const DirFd stage2 = root_.make_path_in_root(cat("opt/stage2/", app.name));
    write_file(stage2, "manifest", app.image.manifest, 0644);
    const DirFd rootfs = stage2.make_sub("rootfs", 0755);
    tree::copy(tree, rootfs);
  }

  void finish() {
    if (overlay_) write_file(pod_, "overlay-prepared", "", 0640);
    if (!users_ || overlay_) return;
    shift_owners(root_, *users_);
    if (::fchown(root_.get(), users_->shift, users_->shift) < 0)
      throw Error::from_errno("change the owner of the root of stage1");
  }

 private:
  tree::Tree render(const store::ImageRecord& image) {
    store_.touch(image, std::chrono::system_clock::now());
    return tree::render(store_, image, trees_);
  }

  store::Store& store_;
  const DirFd& pod_;
  bool overlay_;
  tree::Options trees_;
  std::optional<IdRange> users_;
  DirFd root_;
  DirFd appsinfo_ = pod_.make_sub("appsinfo", 0750);
};

// What stays is for gc.
void remove_quietly(const DirFd& place, const std::string& pod) noexcept {
  try {
    place.remove_tree(pod);
  } catch (const std::exception& e) {
    log::debug("stage0", e.what());
  }
}

// Emptied at once, so that nobody takes what an earlier pod has left there for this one's.
UniqueFd open_uuid_file(const std::string& file) {
  UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) throw Error::from_errno(cat("open ", quoted(file)));
  return fd;
}

void save_uuid(const UniqueFd& fd, const Uuid& id, const std::string& file) {
  try {
    write_all(fd.get(), id.str(), file);
  } catch (Error& e) {
    if (e.disk_full()) e.hint(cat("there is no room for ", quoted(file)));
    throw;
  }
}

}  // namespace

NewPod make_pod(const pod::Pods& pods, const std::string& uuid_file, const std::string& pod_name) {
  std::optional<pod::NameClaim> claim;
  if (!pod_name.empty()) claim = pod::NameClaim::take(pods, pod::PodName::parse(pod_name));
  std::array<std::uint8_t, 16> random{};
  fill_random(random);
  const Uuid id = Uuid::from_random(random);
  const std::string name = id.str();
  const DirFd& embryo = pods.dir("embryo");
  const DirLock making = DirLock::take(embryo.sub(".").release(), LockMode::shared);  // tells gc that it is no leftover
  const auto saving = [] { return std::string("error saving pod UUID to file"); };
  const UniqueFd file = uuid_file.empty() ? UniqueFd() : in_context(saving, [&] { return open_uuid_file(uuid_file); });
  NewPod pod = in_context([] { return std::string("error creating new pod"); },
                          [&] {
                            if (::mkdirat(embryo.get(), name.c_str(), 0750) < 0)
                              throw Error::from_errno(cat("make pod ", quoted(name)));
                            DirFd dir = embryo.sub(name);
                            DirLock lock = DirLock::take(dir.sub(".").release(), LockMode::exclusive);
                            if (claim) claim->write(dir);
                            embryo.rename(name, pods.dir("prepare"), name);
                            return NewPod{.id = id, .dir = std::move(dir), .lock = std::move(lock)};
                          });
  if (!file) return pod;
  try {  // only now: whoever has read it finds the pod
    in_context(saving, [&] { save_uuid(file, id, uuid_file); });
  } catch (const Error&) {
    remove_quietly(pods.dir("prepare"), name);
    throw;
  }
  return pod;
}

appc::PodManifest prepare(store::Store& store, const NewPod& pod, const PrepareRequest& request) {
  return in_context([] { return std::string("error setting up stage0"); },
                    [&] {
                      const std::string data = store.data_path();
                      const KeyLock lock = store::prepare_lock(data, LockMode::shared);
                      Plan plan = request.pod_manifest_bytes ? plan_from_manifest(store, *request.pod_manifest_bytes)
                                                             : plan_from_flags(request);
                      write_file(pod.dir, "pod.lck", "", 0600);
                      log::debug("stage0", "Writing pod manifest");
                      write_file(pod.dir, "pod", plan.manifest_bytes, 0640);
                      save_forwards(pod.dir, plan.forwards);
                      std::optional<IdRange> users;
                      if (request.private_users && known_ids() != Ids::all)
                        throw Error(Errc::denied,
                                    "--private-users takes root of the host: a user's pods are in a user namespace");
                      if (request.private_users) users = allocate_range(pod::Pods::open(data), pod.dir);
                      const bool overlay = can_overlay(store, pod.dir, request, users);
                      Writer writer(store, pod.dir, request.trees, overlay, users);
                      writer.add_stage1(request.stage1);
                      for (const auto& app : plan.apps) writer.add_app(app);
                      writer.finish();
                      write_file(pod.dir, "pod-created", "", 0640);
                      return std::move(plan.manifest);
                    });
}

void finish_prepared(store::Store& store, const pod::Pods& pods, NewPod pod) {
  in_context([] { return std::string("error syncing pod data"); },
             [&] {
               tree::sync(store);
               if (::syncfs(pod.dir.get()) < 0) throw Error::from_errno("sync the file system of the pods");
             });
  in_context([] { return std::string("error transitioning to prepared"); },
             [&] {
               const std::string name = pod.id.str();
               pods.dir("prepare").rename(name, pods.dir("prepared"), name);
               pods.dir("prepared").sync();
             });
}

std::vector<std::string> image_ids(const std::string& pod_manifest_bytes) {
  return in_context([] { return std::string("error setting up stage0"); },
                    [&] {
                      std::vector<std::string> out;
                      for (const auto& app : appc::parse_pod_manifest(pod_manifest_bytes).apps)
                        out.push_back(app.image_id.str());
                      return out;
                    });
}

}  // namespace rkt::stage0
