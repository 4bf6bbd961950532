// SPDX-License-Identifier: Apache-2.0
// The apps of a mutable pod, driven by the outer process's event loop: requests on POD/control, the processes that
// start apps (starter.h) and the apps' own, which are children of this process.
//
//   start -> planned, limited, streams made -> [starter -> process] for each pre-start handler, the app, each post-stop
//         handler -> what is left of it killed -> waiting to be started again, or status recorded
//
// An app that fails ends nothing but itself. The pod ends when it is asked to: every app gets its stop signal, after
// a grace SIGKILL.
#pragma once

#include <poll.h>

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cgroup/manager.h"
#include "stage1/native/control.h"
#include "stage1/native/launch.h"
#include "stage1/native/plan.h"
#include "stage1/native/readiness.h"
#include "stage1/native/record.h"
#include "stage1/native/relay.h"
#include "stage1/native/restarts.h"
#include "stage1/native/shutdown.h"
#include "stage1/native/supervisor.h"

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

class MutableApps {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit MutableApps(MutablePod pod);
  void watch(std::vector<pollfd>& events, Time now) const;
  void handle(std::span<const pollfd> events, Time now);  ///< polled; what watch() did not append does not matter
  void time_passed(Time now);
  std::optional<Time> deadline(Time now) const;  ///< when there is something to do; `now` as for watch()
  /// Nothing is started from here on. Again: the rest of the grace may become shorter.
  void stop_all(Time now, std::chrono::milliseconds grace);
  bool idle() const;  ///< no process of an app is left

 private:
  enum class Phase { pre_start, main, post_stop, waiting, over };
  struct App {
    AppPlan plan;
    AppMountPlan mounts;
    cgroup::Group group;
    FaultPage fault{1};
    AppStdio stdio;
    AppSockets sockets;      // empty descriptors: each start makes its own
    std::size_t stream = 0;  // of the relay
    Phase phase = Phase::pre_start;
    std::size_t handler = 0;
    int status = 0;
    UniqueFd starter, process;  // pidfds; one of them is set until it is over
    pid_t starter_pid = 0, pid = 0;
    UniqueFd errors;                              // what the starter could not do
    NotifySocket notify;                          // readiness.h, of an app that says itself when it has started
    bool stopping = false;                        // it was asked to end
    bool killed = false;                          // nothing more of it is started
    std::optional<Time> kill_at = std::nullopt;   // then
    std::optional<Time> start_at = std::nullopt;  // while waiting
    bool hopeless = false;                        // it would fail to start again as well
    Restarts restarts;
    std::vector<UniqueFd> asked_start = {}, asked_stop = {};  // clients that wait
  };
  App* find(std::string_view name);
  void serve(UniqueFd client);
  void serve_start(const std::string& name, UniqueFd& client);  ///< takes it unless it throws
  void serve_stop(const ControlRequest& request, UniqueFd client);
  ControlAnswer remove(const std::string& name);
  AppPlan plan(const std::string& name) const;
  void check_separation(const AppPlan& next) const;
  void advance(App& app);
  const std::vector<std::string>& argv(const App& app) const;
  bool launch(App& app);
  bool is_new_process(pid_t pid) const;
  pid_t find_inside(const App& app) const;
  void end_strays();
  void starter_ended(App& app);
  void process_ended(App& app);
  void step_over(App& app, int status);
  static void set_hopeless(App& app, int err);
  void finish(App& app);
  bool restart_later(App& app);
  static void end_before(App& app, Time when);
  void terminate(App& app, Time kill_at);
  static void kill(App& app);
  bool kill_leftovers(const App& app, void (cgroup::Group::*kill)() const);
  void say(const App& app, std::string_view text);

  MutablePod pod_;
  ControlSocket control_;
  std::vector<UniqueFd> clients_;          // that have not asked yet
  std::list<App> apps_;                    // those that were started; FaultPage does not move
  std::map<std::string, bool> has_hosts_;  // by app, when it was first started
  std::size_t streams_ = 0;
  bool ending_ = false;
  bool strays_ = false;       // end_strays() may find one
  bool spy_lingers_ = false;  // what looked at the pod may have left a process that does
};

}  // namespace rkt::native
