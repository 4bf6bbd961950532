// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/backing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/copy_tree.h"
#include "stage1/native/mount_plan.h"

namespace rkt::native {
namespace {

void make_one(const Pod& pod, const AppPlan& app, const VolumeMount& m) {
  const std::string path = volume_backing(m, app.name);
  const auto slash = path.rfind('/');
  const DirFd parent = pod.dir.make_path_in_root(path.substr(0, slash));
  const std::string name = path.substr(slash + 1);
  if (::mkdirat(parent.get(), name.c_str(), 0770) < 0) {
    if (errno == EEXIST) return;
    throw Error::from_errno(cat("make volume ", quoted(name)));
  }
  const DirFd dir = parent.sub(name);
  if (::fchown(dir.get(), static_cast<uid_t>(m.volume.uid), static_cast<gid_t>(m.volume.gid)) < 0 ||
      ::fchmod(dir.get(), m.volume.mode_bits()) < 0)
    throw Error::from_errno(cat("set the owner and mode of volume ", quoted(name)));
  if (!m.implicit || !app.copy_up) return;
  const DirFd root = pod.stage1.sub(app_root_in_stage1(app.name));
  if (auto there = root.find_in_root(m.target, O_RDONLY | O_DIRECTORY))
    in_context([&] { return cat("fill volume ", quoted(name)); }, [&] { copy_tree(DirFd(std::move(*there)), dir); });
}

}  // namespace

void make_backing(const Pod& pod, const AppPlan& app) {
  for (const auto& m : app.volumes)
    if (m.volume.kind == appc::Volume::Kind::empty) make_one(pod, app, m);
}

}  // namespace rkt::native
