// SPDX-License-Identifier: Apache-2.0
// The event loop of the pod's pid 1: launches apps and their event handlers, reaps everything, kills what an app leaves
// behind, records how each ended, and ends the pod. Decisions are in shutdown.h.
//
// An app: pre-start handlers, one after the other -> its main process -> post-stop handlers -> over, or waiting to be
// started again (restarts.h). A handler runs as root with the app's confinement and cgroup. What ends for good is told
// to outer, which records it before anybody else is.
//
// An image may ask for CAP_SYS_PTRACE, with which it could look into this process. So once everything is launched there
// is nothing to find: no descriptor of a directory of the host, and no capability but CAP_KILL. No such app executes
// anything before that, nor before every other app does, which has capabilities until then. Handlers and restarts are
// launched later, so a pod that has both is refused (plan.cc).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cgroup/manager.h"
#include "stage1/native/app_mounts.h"
#include "stage1/native/launch.h"
#include "stage1/native/plan.h"
#include "stage1/native/restarts.h"
#include "stage1/native/shutdown.h"
#include "sys/spawn.h"

namespace rkt::native {

struct SupervisorInput {
  const PodPlan& plan;
  PodMounts& mounts;
  std::vector<cgroup::Group> groups;
  std::vector<AppStdio> stdio;
  std::vector<AppSockets> sockets;
  int control;              ///< message.h
  UniqueFd oom_score = {};  ///< this process's own: launch.h
};

class Supervisor {
 public:
  explicit Supervisor(SupervisorInput input);
  /// To the end of the pod; its status.
  int run();

 private:
  enum class Phase { pre_start, main, post_stop, waiting, over };
  struct App {
    Phase phase = Phase::pre_start;
    std::size_t handler = 0;
    pid_t pid = 0;
    int status = 0;
    bool hopeless = false;  // it would fail to start again as well
    Restarts restarts;
  };

  void start_all();
  void advance(std::size_t i);
  bool try_launch(std::size_t i, const std::vector<std::string>& argv, bool main);
  void process_ended(std::size_t i, ExitStatus how);
  static void set_hopeless(App& app, int err);
  void finish(std::size_t i);
  bool restart_later(std::size_t i);
  void take_message();
  void terminate();
  int fault_status(std::size_t i, const std::vector<std::string>& argv);
  const std::vector<std::string>& current_argv(std::size_t i) const;
  void become_harmless();
  void reap();
  void act(Shutdown::Do what);
  void say(std::string text) const;

  SupervisorInput in_;
  FaultPage faults_;
  Shutdown shutdown_;
  std::vector<App> apps_;
  std::optional<Pipe> gate_;
};

}  // namespace rkt::native
