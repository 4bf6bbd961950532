// SPDX-License-Identifier: Apache-2.0
// The process that becomes an app of a running pod, or one of its event handlers: a clone of the outer process in a
// mount namespace of its own, which is not in the pod's pid namespace. It assembles the app's root there, takes it, and
// lets go of everything that the app does not get; then the app's process is cloned into the pod (app_child.h), and is
// a child of the outer process.
#pragma once

#include <string>
#include <vector>

#include "cgroup/manager.h"
#include "stage1/native/app_mounts.h"
#include "stage1/native/launch.h"
#include "stage1/native/plan.h"

namespace rkt::native {

struct StartInput {
  const AppPlan& plan;
  const AppMountPlan& mounts;
  const std::string& process_context;  ///< the pod's (SELinux), for its keys and sockets
  const std::vector<std::string>& argv;
  bool main;            ///< false: an event handler, which is root
  AppSockets& sockets;  ///< of the main process alone; what is missing is made
  int parent;           ///< pidfd of the outer process
  int init;             ///< of the pod's pid 1
  AppStdio& stdio;      ///< what is empty becomes its /dev/null
  UniqueFd syslog;      ///< becomes its /dev/log; empty: it gets none
  int errors;           ///< takes a line when something fails before the app's own steps
  cgroup::Entry entry;
};

/// In the clone, whose working directory is POD and where S1 carries the shared mounts.
[[noreturn]] void run_starter(StartInput input, AppFault& fault) noexcept;

}  // namespace rkt::native
