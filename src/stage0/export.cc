// SPDX-License-Identifier: Apache-2.0
#include "stage0/export.h"

#include "base/error.h"
#include "base/strings.h"
#include "image/unpack_client.h"
#include "pod/mounts.h"
#include "stage0/trees.h"
#include "stage0/users.h"
#include "sys/file.h"
#include "sys/mount.h"

namespace rkt::stage0 {
namespace {

// The image's, but for what would change the tree again when it is rendered: dependencies are in it already.
std::string exported_manifest(const pod::Pod& pod, const std::string& app) {
  const std::string bytes = read_file(pod.dir(), cat("appsinfo/", app, "/manifest"));
  auto manifest = appc::parse_image_manifest(bytes);
  if (manifest.dependencies.empty() && manifest.path_whitelist.empty()) return bytes;
  manifest.dependencies.clear();
  manifest.path_whitelist.clear();
  return appc::write(manifest);
}

// Top first. Files of trees are mounted in `mounts`, which have to live as long as the directories are used.
std::vector<DirFd> overlay_layers(store::Store& store, const pod::Pod& pod, const std::string& app,
                                  std::optional<PrivateMounts>& mounts) {
  const std::string id(trim(read_file(pod.dir(), cat("appsinfo/", app, "/treeStoreID"), 4096)));
  std::vector<DirFd> out;
  if (auto upper = pod.dir().find_sub(cat("overlay/", id, "/upper/", app))) out.push_back(std::move(*upper));
  const PodTree tree = open_tree(store, id);
  if (tree.tree.has_files()) mounts.emplace();
  mount_files(tree);
  for (std::size_t i = 0; i < tree.tree.lowers.size(); ++i) out.push_back(tree::open_lower(tree.tree, i));
  return out;
}

std::vector<DirFd> copied_root(const pod::Pods& pods, const pod::Pod& pod, const std::string& app) {
  if (!pod::plan_detach(read_mountinfo(), pod.path(pods)).empty())
    throw Error(Errc::busy,
                "pod has remaining mountpoints. Only pods using overlayfs or with no mountpoints can be exported");
  std::vector<DirFd> out;
  out.emplace_back(pod.dir()
                       .sub("stage1/rootfs")
                       .open_in_root(cat("opt/stage2/", app, "/rootfs"), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return out;
}

}  // namespace

void export_app(store::Store& store, const pod::Pods& pods, const pod::Pod& pod, const std::string& app, int out,
                const std::function<void(std::string_view)>& note) {
  const auto lock = DirLock::try_take(pod.dir().sub(".").release(), LockMode::shared);
  if (!lock || (pod.state() != pod::State::exited && pod.state() != pod::State::exited_garbage))
    throw Error(Errc::invalid, "pod is not exited. Only exited pods can be exported");
  std::optional<PrivateMounts> mounts;
  const auto layers = pod.uses_overlay() ? overlay_layers(store, pod, app, mounts) : copied_root(pods, pod, app);
  image::PackedTree tree{.trees = {}, .manifest = exported_manifest(pod, app)};
  for (const auto& layer : layers) tree.trees.push_back(&layer);
  if (const auto range = find_range(pod.dir())) {
    tree.first_user = range->shift;
    tree.users = range->count;
  }
  image::pack_aci(tree, out, note);
}

}  // namespace rkt::stage0
