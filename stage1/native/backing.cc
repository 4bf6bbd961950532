// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/backing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "stage1/common/copy_tree.h"
#include "stage1/native/mount_plan.h"
#include "stage1/native/state.h"
#include "sys/lock.h"
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

// Of an image of Docker's, what lies where the volume is mounted is what the volume starts with. Whoever has the pod's
// lock, this process or outer, may be killed while it is copied, and then gc removes the pod.
void fill(const Pod& pod, const AppPlan& app, const VolumeMount& m, const DirFd& dir) {
  const DirFd root = pod.stage1.sub(app_root_in_stage1(app.name));
  auto there = root.find_in_root(m.target, O_RDONLY | O_DIRECTORY);
  if (!there || !dir.names().empty()) return;
  const auto go_on = [&] {
    if (!is_locked(pod.dir)) throw Error(Errc::not_found, "the pod has ended meanwhile");
  };
  if (m.implicit)
    log::note("stage1", cat("Docker converted image, initializing implicit volume with data contained at the mount "
                            "point ",
                            quoted(m.volume.name.str().substr(app.name.size() + 1)), "."));
  in_context([&] { return cat("fill volume ", quoted(m.volume.name.str())); },
             [&] { stage1::copy_tree(DirFd(std::move(*there)), dir, go_on); });
  if (!m.implicit && !is_plain(m.volume)) take_owner(app, m, dir);
}

void make_one(const Pod& pod, const AppPlan& app, const VolumeMount& m, bool others_run) {
  const std::string path = volume_backing(m, app.name);
  const auto slash = path.rfind('/');
  const DirFd parent = pod.dir.make_path_in_root(path.substr(0, slash), 0700);  // of apps: for root alone
  const std::string name = path.substr(slash + 1);
  if (const auto there = parent.find_sub(name)) {
    // It may be mounted by an app that runs, which could get between the steps of a copy.
    if (app.copy_up && !others_run) fill(pod, app, m, *there);
    return;
  }
  // A volume has its name once it is whole: a copy may take long, be killed and find no room.
  const std::string aside = cat(name, ".new");  // no volume is called that
  parent.remove_tree(aside);
  ScopeExit undo([&] { parent.remove_tree(aside); });
  const DirFd dir = parent.make_sub(aside, 0770);
  take_owner(app, m, dir);
  if (app.copy_up) fill(pod, app, m, dir);
  parent.rename(aside, parent, name);
  undo.release();
}

}  // namespace

void make_backing(const Pod& pod, const AppPlan& app, bool others_run) {
  const FileLabel label(app.file_context);
  for (const auto& m : app.volumes)
    if (m.volume.kind == appc::Volume::Kind::empty) make_one(pod, app, m, others_run);
}

void make_added_backing(const std::string& name) {
  const Pod pod = load_pod_of(name);
  const PodApp& app = pod.apps.front();
  const auto state = load_state(pod.dir);
  AppPlan plan;  // as far as volumes go
  plan.name = name;
  plan.volumes = plan_volumes(app.runtime, app.app().mount_points, pod.manifest, [](std::string_view) {});
  plan.file_context = state ? state->restrictions.selinux.files : "";
  plan.copy_up = app.image.is_docker();
  make_backing(pod, plan, true);
}

}  // namespace rkt::native
