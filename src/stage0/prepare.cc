// SPDX-License-Identifier: Apache-2.0
// A pod directory from nothing to complete (docs/devel/pod-lifecycle.md). The directory itself is the only state: nothing here has to
// be undone, a pod that is left half way is an "aborted prepare" for gc.
#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "stage0/pod_dir.h"
#include "stage0/stage0.h"
#include "sys/file.h"
#include "tree/tree.h"

namespace rkt::stage0 {
namespace {

std::vector<appc::EnvVar> own_environment() {
  std::vector<appc::EnvVar> out;
  for (char** v = environ; *v != nullptr; ++v) {
    const std::string_view text = *v;
    if (const auto equals = text.find('='); equals != std::string_view::npos) out.push_back({std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))});
  }
  return out;
}

struct PreparedApp {
  std::string name;
  store::ImageRecord image;
};

// The manifest's bytes and, app by app, the image behind it.
struct Content {
  std::string manifest;
  std::vector<PreparedApp> apps;
};

Content from_manifest_file(const store::Store& store, const std::string& bytes) {
  Content content{.manifest = bytes, .apps = {}};
  const auto manifest = appc::parse_pod_manifest(bytes);
  if (manifest.apps.empty()) throw Error(Errc::usage, "pod must contain at least one application");
  check_ports(manifest);
  for (const auto& app : manifest.apps) {
    const auto record = store.find(store.resolve_id(app.image_id.str()));
    if (!record) throw Error(Errc::not_found, "no image IDs found");
    const auto image = appc::parse_image_manifest(record->manifest);
    if (!app.app && !image.app) throw Error(Errc::invalid, "no app section in the pod manifest or the image manifest");
    appc::check_runnable(image.labels);
    content.apps.push_back({app.name.str(), *record});
  }
  return content;
}

Content from_flags(const PrepareRequest& request) {
  const auto manifest = plan_manifest(request, request.inherit_env ? own_environment() : std::vector<appc::EnvVar>());
  Content content{.manifest = appc::write(manifest), .apps = {}};
  for (std::size_t i = 0; i < manifest.apps.size(); ++i) content.apps.push_back({manifest.apps[i].name.str(), request.apps[i].image});
  return content;
}

void prepare_app(store::Store& store, const DirFd& pod, const DirFd& infos, const PreparedApp& app, bool overlay) {
  log::debug("stage0", cat("Loading image ", app.image.key));
  const tree::Tree tree = tree::render(store, app.image);
  const DirFd info = infos.make_sub(app.name, 0750);
  write_file(info, "manifest", app.image.manifest, 0640);
  if (overlay) {
    write_file(info, "treeStoreID", tree.id, 0640);
    return;
  }
  const DirFd s1 = pod.sub(kStage1Rootfs);
  const DirFd home = s1.make_path_in_root(cat("opt/stage2/", app.name));
  write_file(home, "manifest", app.image.manifest, 0644);
  tree::copy(tree, home.make_sub("rootfs"));
}

}  // namespace

std::vector<std::string> image_ids(const std::string& pod_manifest_bytes) {
  std::vector<std::string> out;
  for (const auto& app : appc::parse_pod_manifest(pod_manifest_bytes).apps) out.push_back(app.image_id.str());
  return out;
}

NewPod make_pod(const pod::Pods& pods, const std::string& uuid_file) {
  return in_context([] { return std::string("error creating new pod"); }, [&] {
    std::array<std::uint8_t, 16> random;
    fill_random(random);
    const Uuid id = Uuid::from_random(random);
    const std::string name = id.str();
    const DirFd& embryo = pods.dir("embryo");
    if (::mkdirat(embryo.get(), name.c_str(), 0750) < 0) throw Error::from_errno(cat("make directory ", quoted(name)));
    if (!uuid_file.empty()) {
      in_context([] { return std::string("error saving pod UUID to file"); }, [&] {
        const UniqueFd fd(::open(uuid_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
        if (!fd) throw Error::from_errno(cat("open ", quoted(uuid_file)));
        write_all(fd.get(), name, uuid_file);
      });
    }
    DirFd dir = embryo.sub(name);
    auto lock = DirLock::try_take(embryo.sub(name).release(), LockMode::exclusive);
    if (!lock) throw Error(Errc::busy, cat("pod ", quoted(name), " is locked by somebody else"));
    embryo.rename(name, pods.dir("prepare"), name);
    return NewPod{id, std::move(dir), std::move(*lock)};
  });
}

void prepare(store::Store& store, const NewPod& pod, const PrepareRequest& request) {
  in_context([] { return std::string("error setting up stage0"); }, [&] {
    if (request.private_users) throw Error(Errc::unsupported, "--private-users is not supported by this version").hint("run without it");
    const KeyLock lock = store::prepare_lock(data_of(store), LockMode::shared);
    const Content content = request.pod_manifest_bytes ? from_manifest_file(store, *request.pod_manifest_bytes) : from_flags(request);
    log::debug("stage0", "Preparing stage1");
    const tree::Tree stage1 = tree::render(store, request.stage1);
    write_file(pod.dir, "stage1TreeStoreID", stage1.id, 0640);
    const DirFd stage1_dir = pod.dir.make_sub("stage1", 0750);
    write_file(stage1_dir, "manifest", request.stage1.manifest, 0640);
    const DirFd rootfs = stage1_dir.make_sub("rootfs");
    if (!request.overlay) tree::copy(stage1, rootfs);
    const DirFd infos = pod.dir.make_sub("appsinfo", 0750);
    for (const auto& app : content.apps) prepare_app(store, pod.dir, infos, app, request.overlay);
    if (request.overlay) write_file(pod.dir, "overlay-prepared", "", 0644);
    log::debug("stage0", "Writing pod manifest");
    write_file(pod.dir, "pod.lck", "", 0600);
    write_file(pod.dir, "pod-created", "", 0640);
    write_file(pod.dir, "pod", content.manifest, 0640);
  });
}

void finish_prepared(store::Store& store, const pod::Pods& pods, NewPod pod) {
  tree::sync(store);
  if (::syncfs(pod.dir.get()) < 0) throw Error::from_errno("error syncing pod data");
  const std::string name = pod.id.str();
  pods.dir("prepare").rename(name, pods.dir("prepared"), name);
  pods.dir("prepared").sync();
}

}  // namespace rkt::stage0
