// SPDX-License-Identifier: Apache-2.0
// An app of a mutable pod: its processes, which are children of the outer process, and who waits for its start and end.
//
//   limited, streams made -> [starter (starter.h) -> process] for each program of its life (app_life.h)
//         -> what is left of it killed -> waiting to be started again, or status recorded
#pragma once

#include <poll.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cgroup/manager.h"
#include "stage1/native/app_life.h"
#include "stage1/native/app_mounts.h"
#include "stage1/native/launch.h"
#include "stage1/native/plan.h"
#include "stage1/native/readiness.h"
#include "stage1/native/record.h"
#include "stage1/native/relay.h"
#include "sys/spawn.h"

namespace rkt::native {

/// What of the pod they need; borrowed.
struct MutablePod {
  const DirFd& dir;
  const RunOptions& options;
  cgroup::PodCgroups& cgroups;
  Relay& relay;
  Record& record;
  UniqueFd self;  ///< pidfd of this process
  int init;       ///< of the pod's pid 1
  pid_t init_pid;
  std::function<AppMountPlan(const AppPlan&)> plan_mounts;
};

class MutableApp {
 public:
  using Time = AppLife::Time;
  using IsKnown = std::function<bool(pid_t)>;  ///< whether it is an app's already

  /// Everything is made, its start on record, nothing runs. Throws. `stream`: of the relay. Borrows the pod.
  MutableApp(const MutablePod& pod, AppPlan plan, std::size_t stream, IsKnown is_known, const Warn& warn);
  /// `warnings`: what the client is told when the app has started.
  void start(UniqueFd client, std::string warnings);
  void await_end(UniqueFd client) { asked_stop_.push_back(std::move(client)); }
  void terminate(Time kill_at);
  void end_before(Time when) { kill_at_ = earlier(kill_at_, when); }
  void kill();

  void watch(std::vector<pollfd>& events, Time now) const;
  /// True: a starter has ended.
  bool handle(std::span<const pollfd> events, Time now);
  void time_passed(Time now);
  Deadline deadline(Time now) const;

  const AppPlan& plan() const noexcept { return plan_; }
  bool over() const noexcept { return life_.over(); }
  bool starting() const noexcept { return static_cast<bool>(starter_); }
  bool has(pid_t pid) const noexcept { return (process_ && pid_ == pid) || starter_pid_ == pid; }
  /// It looked at the pod, and may have left a process that does.
  bool spy_lingers() const noexcept { return spy_lingers_; }

 private:
  void drive(AppLife::Do what);
  AppLife::Do launch();
  void tell_failed(const std::string& why);
  AppLife::Do fail(const std::string& why, int status, int err);
  void starter_ended();
  void process_ended();
  void arrived();
  void started();
  void finish();
  bool kill_leftovers(void (cgroup::Group::*kill)() const);

  const MutablePod& pod_;
  AppPlan plan_;
  std::size_t stream_;
  IsKnown is_known_;
  AppLife life_;
  AppMountPlan mounts_;
  cgroup::Group group_;
  FaultPage fault_{1};
  AppStdio stdio_;
  AppSockets sockets_;          // empty descriptors: each start makes its own
  UniqueFd starter_, process_;  // pidfds; one of them is set until it is over
  pid_t starter_pid_ = 0, pid_ = 0;
  UniqueFd errors_;                     // what the starter could not do
  NotifySocket notify_;                 // readiness.h, of an app that says itself when it has started
  Deadline kill_at_;                    // it was asked to end
  bool killed_ = false;                 // its main process, with SIGKILL, and not from here
  std::uint64_t oom_kills_before_ = 0;  // in earlier lives
  bool spy_lingers_ = false;
  std::vector<UniqueFd> asked_start_, asked_stop_;  // clients that wait
  std::string warnings_;                            // for those of the start
};

}  // namespace rkt::native
