// SPDX-License-Identifier: Apache-2.0
// The pod's pid 1, from its clone to its end. Order of events:
//
//   tied to the outer process, unreadable for apps -> own session, host name, cgroup, network -> sources of mounts
//   copied
//   -> root changed: the host's files are gone -> standard streams are /dev/null
//   -> apps launched, and looked after: within.h, or
//   -> their roots assembled, for whoever launches them: outside.h; nothing kept but CAP_KILL: handover.h
//
// No threads, no NSS, nothing that is not system calls or plain C++: it is a clone of `run` that never execs.
#pragma once

#include <vector>

#include "cgroup/manager.h"
#include "stage1/native/app_mounts.h"
#include "stage1/native/plan.h"
#include "stage1/native/sockets.h"
#include "stage1/native/streams.h"
#include "sys/mount.h"
#include "sys/userns.h"

namespace rkt::native {

struct InitInput {
  const PodPlan& plan;
  const std::vector<AppMountPlan>& mounts;
  DetachedMount devpts;
  UniqueFd parent;        ///< pidfd of the outer process
  int control;            ///< message.h
  int handover;           ///< mutable pods: takes the shared mounts (handover.h); else -1
  OwnedNamespaces users;  ///< with private users; else empty
  UniqueFd netns;         ///< empty: the host's
  cgroup::Group group;
  std::vector<AppStdio> stdio;  ///< of the apps, as the next; empty when they are launched from outside
  std::vector<AppSockets> sockets;
  std::vector<UniqueFd> syslogs;  ///< those of `mounts`
};

/// The namespaces besides pid, mount and network: init is born in them, or joins those of its users.
int pod_namespaces(const PodPlan& plan);

[[noreturn]] void run_init(InitInput input) noexcept;

}  // namespace rkt::native
