// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/empty_volumes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/common/copy_tree.h"

namespace rkt::fly {
namespace {

void take_owner(const appc::Volume& v, const DirFd& dir) {
  if (::fchown(dir.get(), static_cast<uid_t>(v.uid), static_cast<gid_t>(v.gid)) < 0 ||
      ::fchmod(dir.get(), v.mode_bits()) < 0)
    throw Error::from_errno(cat("set up empty volume ", quoted(v.name.str())));
}

void fill(const appc::Volume& v, const DirFd& root, const std::string& target, const DirFd& dir) {
  auto there = root.find_in_root(target, O_RDONLY | O_DIRECTORY);
  if (!there || !dir.names().empty()) return;
  in_context([&] { return cat("fill volume ", quoted(v.name.str())); },
             [&] { stage1::copy_tree(DirFd(std::move(*there)), dir); });
  // What an operator says about a volume holds; who says nothing gets what the image has there.
  if (v.uid != 0 || v.gid != 0 || v.mode_bits() != 0755) take_owner(v, dir);
}

}  // namespace

void make_empty_volumes(const FlyPod& pod, const std::string& pod_path, const std::vector<MountOp>& plan) {
  std::vector<appc::Volume> volumes = pod.manifest.volumes;
  for (const auto& m : pod.app().mounts)
    if (m.app_volume) volumes.push_back(*m.app_volume);
  for (const auto& v : volumes) {
    if (v.kind != appc::Volume::Kind::empty) continue;
    const auto op = std::ranges::find(plan, cat(pod_path, "/", empty_volume_path(v.name.str())), &MountOp::source);
    if (op == plan.end()) continue;
    const DirFd dir = pod.dir.make_sub("sharedVolumes", 0700).make_sub(v.name.str(), 0770);
    take_owner(v, dir);
    if (pod.image.is_docker()) fill(v, pod.root, op->target, dir);
  }
}

}  // namespace rkt::fly
