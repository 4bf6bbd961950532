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

void start(StartInput& in, AppFault& fault) {
  become_unreadable();
  die_with_parent(in.parent);
  label_new_objects({.process = in.process_context, .files = in.mounts.context});
  leave_session_keyring();
  ::umask(0);                               // modes are meant as they are written; apps get 0022
  const DirFd proc = DirFd::open("/proc");  // the host's, where this process is somebody
  std::vector<AppMountPlan> plans{in.mounts};
  plans.front().syslog = in.syslog.get();
  PodMounts mounts(plans, SharedMounts::copy_of("stage1/rootfs"));
  in.syslog.reset();
  mounts.take_root();
  mounts.share();
  mounts.assemble(0);
  const std::string root = mounts.root_path(0);
  fill_with_null(in.stdio, root);
  join_namespaces(in.init, CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET);
  if (in.main) make_missing_sockets(in.sockets);
  std::vector<ProcMask> masks;
  if (in.plan.own_processes) masks = mounts.masks(0);
  LaunchRequest request = request_for(in.plan, in.argv, in.main);
  request.root = root;
  request.own_processes = in.plan.own_processes ? &masks : nullptr;
  request.proc = proc.get();
  request.entry = in.entry;
  request.set_streams(in.stdio);
  request.controlling_terminal = in.plan.streams.in == StreamMode::tty;
  request.sockets = in.main ? &in.sockets : nullptr;
  request.pid_namespace = in.init;
  become(request, fault);
}

}  // namespace

void run_starter(StartInput in, AppFault& fault) noexcept {
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
