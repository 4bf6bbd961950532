// SPDX-License-Identifier: Apache-2.0
// Apps that are started again, or have event handlers: the outer process launches them, which nobody in the pod sees,
// so that the pod's pid 1 keeps nothing but CAP_KILL. pid 1 has assembled the apps' roots, and leaves that mount
// namespace to outer.
//
//   outer --clone--> on the way (host's pid namespace): joins all of the pod's, a mount namespace of its own, the app's
//                    root, ids, capabilities and filter (app_child.h)
//                    `-- clone(CLONE_PARENT) --> the app's process, in the pod, a child of outer
#pragma once

#include <vector>

#include "cgroup/manager.h"
#include "stage1/native/app_mounts.h"
#include "stage1/native/launcher.h"
#include "stage1/native/plan.h"

namespace rkt::native {

struct OutsideInput {
  const PodPlan& plan;  ///< borrowed, as the next two
  const std::vector<AppMountPlan>& mounts;
  const std::vector<cgroup::Group>& groups;
  std::vector<AppStdio> stdio;
  std::vector<AppSockets> sockets;  ///< all made
  int init;                         ///< pidfd of the pod's pid 1
  pid_t init_pid;
  int control;     ///< message.h
  int namespaces;  ///< the pod's own, CLONE_NEW…, besides pid, mount, user and cgroup
};

class Outside final : public Launcher {
 public:
  explicit Outside(OutsideInput input);
  const PodPlan& plan() const noexcept { return in_.plan; }
  /// pid 1 has assembled the roots, and waits.
  void take_mounts();

  Child launch(std::size_t app, const std::vector<std::string>& argv, bool main, AppFault& fault) override;
  pid_t arrived(std::size_t app, const AppFault& fault) const override;
  pid_t number(pid_t pid) const override;
  void forget(std::size_t app) noexcept override;
  void forget_all() noexcept;  ///< their streams would have no end
  void signal_all(int number) override;
  bool is_pid_1(pid_t pid) const override { return pid == in_.init_pid; }
  bool pod_is_gone() const override;

 private:
  OutsideInput in_;
  DirFd proc_;  // the host's
  UniqueFd oom_score_, mounts_;
};

}  // namespace rkt::native
