// SPDX-License-Identifier: Apache-2.0
// The parent's half of app_child.h: makes the plan of one child from what is known about an app, and clones it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cgroup/manager.h"
#include "stage1/common/exec_flaw.h"
#include "stage1/common/process_limits.h"
#include "stage1/native/app_child.h"
#include "stage1/native/confinement.h"
#include "stage1/native/sockets.h"
#include "stage1/native/streams.h"

namespace rkt::native {

constexpr int kLaunchFailed = 254;  ///< status of an app of which no process could be started

/// Fault records that children share with this process. One page, for its life.
class FaultPage {
 public:
  explicit FaultPage(std::size_t slots);
  ~FaultPage();
  FaultPage(FaultPage&&) = delete;
  AppFault& slot(std::size_t i) const noexcept { return slots_[i]; }

 private:
  std::size_t size_;
  AppFault* slots_;
};

struct AppPlan;

struct LaunchRequest {
  const std::vector<std::string>& argv;              ///< argv[0] is executed
  const std::vector<std::string>* places = nullptr;  ///< the first of these that is a program is; empty: argv[0]
  const std::vector<std::string>& env;
  const std::string& directory;
  std::string root;  ///< for pid 1; "" when this process is in the app's root already
  const std::vector<ProcMask>* own_processes = nullptr;  ///< a pid namespace of its own, whose /proc has these masks
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups = {};
  const Confinement& confinement;
  const std::string* oom_score = nullptr;
  int proc = -1;
  /// This process's own oom_score_adj, where the child could not open its (private users): it inherits the score.
  int own_oom_score = -1;
  const stage1::ProcessLimits* limits = nullptr;  ///< instead of this process's own
  cgroup::Entry entry;
  int stdio[3] = {-1, -1, -1};  ///< borrowed
  bool controlling_terminal = false;
  const AppSockets* sockets = nullptr;  ///< all made; the child gets them by sd_listen_fds(3)
  int gate[2] = {-1, -1};               ///< see app_child.h
  int cgroup_namespace = -1;            ///< pidfd of a process in the one to go into; -1: a new one
  bool user_namespace = false;          ///< with `pid_namespace`: into that process's user namespace too
  int pid_namespace = -1;  ///< pidfd of a process in the one to go into; -1: children of this one are there
  int mounts = -1;         ///< the mount namespace that has `root`; -1: this process's
  int namespaces = 0;      ///< with `mounts`: see app_child.h

  void set_streams(const AppStdio& s) {
    stdio[0] = s.in.get();
    stdio[1] = s.out.get();
    stdio[2] = s.err.get();
  }
};

/// What is the same wherever an app, or one of its handlers (not `main`), is launched from. Borrows both.
LaunchRequest request_for(const AppPlan& app, const std::vector<std::string>& argv, bool main);

/// This process's command line: the one part of a process that everybody in the pod can read, and it names places on
/// the host. Of a program that leaves its environment alone.
std::span<char> own_arguments();

/// A child in a mount namespace of its own (when `root` is set), in the app's cgroups. Its fault record is cleared
/// first. With `pid_namespace` this returns when it is inside, or throws what kept it from that.
pid_t launch(const LaunchRequest& request, AppFault& fault);

/// The same without waiting: with `pid_namespace` the child ends when it has made the one that is inside.
pid_t begin_launch(const LaunchRequest& request, AppFault& fault);

/// The same for this process itself, which is in a mount namespace of its own and in the app's v2 cgroup already.
[[noreturn]] void become(const LaunchRequest& request, AppFault& fault);

/// "change the root: permission denied". What a process of the pod could write is not believed to be in range.
std::string fault_text(const AppFault& fault);
using stage1::error_text;

/// What a child with `pid_namespace`, which has ended, made in the pod of `init`; 0: nothing. The record is only
/// believed when that is a child of this process that nobody has reaped: who may look into it could have written it.
pid_t find_inside(pid_t init, const AppPlan& app, const AppFault& fault);

/// Readable when a child has ended; SIGCHLD is blocked already.
UniqueFd child_signals();

/// This process's own, for LaunchRequest::own_oom_score. Root of a user namespace could not open it.
UniqueFd open_oom_score(int proc);

/// Streams that are empty become the /dev/null of the app's assembled root.
void fill_with_null(AppStdio& stdio, const std::string& root);

}  // namespace rkt::native
