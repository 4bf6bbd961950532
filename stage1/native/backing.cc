// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/backing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/copy_tree.h"
#include "stage1/native/mount_plan.h"
#include "sys/rootless.h"
#include "sys/selinux.h"

namespace rkt::native {
namespace {

// What an operator says about a volume holds; who says nothing gets what the image has there.
bool is_plain(const appc::Volume& v) { return v.uid == 0 && v.gid == 0 && v.mode_bits() == 0755; }

void take_owner(const AppPlan& app, const VolumeMount& m, const DirFd& dir) {
  const std::string& name = m.volume.name.str();
  if (app.users && std::max(m.volume.uid, m.volume.gid) >= app.users->count)
    throw Error(Errc::unsupported,
                cat("the owner of volume ", quoted(name), " does not fit into ", app.users->count, " private users"));
  const uid_t uid = on_host(app.users, static_cast<uid_t>(m.volume.uid));
  const gid_t gid = on_host(app.users, static_cast<gid_t>(m.volume.gid));
  const bool known = has_user(uid) && has_group(gid);  // else whoever makes it has it
  if ((known && ::fchown(dir.get(), uid, gid) < 0) || ::fchmod(dir.get(), m.volume.mode_bits()) < 0)
    throw Error::from_errno(cat("set the owner and mode of volume ", quoted(name)));
}

// Of an image of Docker's, what lies where the volume is mounted is what the volume starts with.
void fill(const Pod& pod, const AppPlan& app, const VolumeMount& m, const DirFd& dir) {
  const DirFd root = pod.stage1.sub(app_root_in_stage1(app.name));
  auto there = root.find_in_root(m.target, O_RDONLY | O_DIRECTORY);
  if (!there || !dir.names().empty()) return;
  in_context([&] { return cat("fill volume ", quoted(m.volume.name.str())); },
             [&] { copy_tree(DirFd(std::move(*there)), dir); });
  if (!m.implicit && !is_plain(m.volume)) take_owner(app, m, dir);
}

void make_one(const Pod& pod, const AppPlan& app, const VolumeMount& m, bool others_run) {
  const std::string path = volume_backing(m, app.name);
  const auto slash = path.rfind('/');
  const DirFd parent = pod.dir.make_path_in_root(path.substr(0, slash), 0700);  // of apps: for root alone
  const std::string name = path.substr(slash + 1);
  const bool made = ::mkdirat(parent.get(), name.c_str(), 0770) == 0;
  if (!made && errno != EEXIST) throw Error::from_errno(cat("make volume ", quoted(name)));
  const DirFd dir = parent.sub(name);
  if (made) take_owner(app, m, dir);
  // What was there before may be mounted by an app that runs, which could get between the steps of a copy.
  if (app.copy_up && (made || !others_run)) fill(pod, app, m, dir);
}

}  // namespace

void make_backing(const Pod& pod, const AppPlan& app, bool others_run) {
  const FileLabel label(app.file_context);
  for (const auto& m : app.volumes)
    if (m.volume.kind == appc::Volume::Kind::empty) make_one(pod, app, m, others_run);
}

}  // namespace rkt::native
