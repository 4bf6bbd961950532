// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/starter.h"

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/ns.h"

namespace rkt::native {
namespace {

constexpr int kFailed = 254;

void start(const StartInput& in, AppFault& fault) {
  become_unreadable();
  die_with_parent(in.parent);
  label_new_objects({.process = in.process_context, .files = in.mounts.context});
  leave_session_keyring();
  ::umask(0);                               // modes are meant as they are written; apps get 0022
  const DirFd proc = DirFd::open("/proc");  // the host's, where this process is somebody
  const std::vector<AppMountPlan> plans{in.mounts};
  PodMounts mounts(plans, SharedMounts::copy_of("stage1/rootfs"));
  mounts.take_root();
  mounts.share();
  mounts.assemble(0);
  const std::string root = mounts.root_path(0);
  fill_with_null(in.stdio, root);
  join_namespaces(in.init, CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET);
  if (in.main) make_missing_sockets(in.sockets);
  std::vector<ProcMask> masks;
  if (in.plan.own_processes) masks = mounts.proc_masks(0);
  become({.argv = in.argv,
          .env = in.plan.env,
          .directory = in.plan.directory,
          .root = root,
          .own_processes = in.plan.own_processes ? &masks : nullptr,
          .uid = in.main ? in.plan.uid : 0,
          .gid = in.main ? in.plan.gid : 0,
          .groups = in.main ? in.plan.groups : std::vector<gid_t>{},
          .confinement = in.plan.confinement,
          .oom_score = in.plan.oom_score ? &*in.plan.oom_score : nullptr,
          .proc = proc.get(),
          .entry = in.entry,
          .stdio = {in.stdio.in.get(), in.stdio.out.get(), in.stdio.err.get()},
          .controlling_terminal = in.plan.streams.in == StreamMode::tty,
          .sockets = in.main ? &in.sockets : nullptr,
          .pid_namespace = in.init},
         fault);
}

}  // namespace

void run_starter(const StartInput& in, AppFault& fault) noexcept {
  std::string text;
  try {
    start(in, fault);
  } catch (const Error& e) {
    fault.err = e.sys_errno();  // whether it is worth another try
    text = e.brief();
  } catch (const std::exception& e) {
    text = e.what();
  }
  (void)!::write(in.errors, text.data(), text.size());
  ::_exit(kFailed);
}

}  // namespace rkt::native
