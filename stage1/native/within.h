// SPDX-License-Identifier: Apache-2.0
// The supervisor in the pod's pid 1, for apps that are started once.
//
// An image may ask for CAP_SYS_PTRACE, with which it could look into this process. So once everything is launched there
// is nothing to find: no descriptor of a directory of the host, no cgroup namespace of the host's, and no capability
// but CAP_KILL. No such app executes anything before that, nor before every other app does, which has capabilities
// until then.
#pragma once

#include <vector>

#include "cgroup/manager.h"
#include "stage1/native/app_mounts.h"
#include "stage1/native/plan.h"
#include "stage1/native/sockets.h"
#include "stage1/native/streams.h"

namespace rkt::native {

struct WithinInput {
  const PodPlan& plan;
  PodMounts& mounts;
  std::vector<AppStdio> stdio;
  std::vector<AppSockets> sockets;
  int control;              ///< message.h
  UniqueFd oom_score = {};  ///< this process's own: launch.h
};

/// To the end of the pod; its status.
int supervise_within(WithinInput input);

}  // namespace rkt::native
