// SPDX-License-Identifier: Apache-2.0
// What becomes of the apps of a pod that is not mutable: launches them and their event handlers, reaps, has what an app
// leaves behind killed, tells how each ended, and ends the pod. Decisions are in app_life.h and shutdown.h; what it is
// driven by and launches with is in within.h and outside.h. What ends for good is told to outer, which records it
// before anybody else is.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "stage1/native/app_life.h"
#include "stage1/native/events.h"
#include "stage1/native/launcher.h"
#include "stage1/native/message.h"
#include "stage1/native/plan.h"
#include "stage1/native/shutdown.h"
#include "sys/spawn.h"

namespace rkt::native {

class Supervisor {
 public:
  /// `tell`: what init tells outer, message.h. Borrows the others.
  Supervisor(const PodPlan& plan, Launcher& launcher, std::function<void(const Message&)> tell);
  /// Every app, in the pod's order.
  void start();
  /// Children have ended.
  void reap();
  /// The pod is asked to end; again, too.
  void stop(std::chrono::milliseconds grace);
  void time_passed();
  Deadline deadline() const;
  /// Nothing is on its way into the pod.
  bool launched() const noexcept;
  /// No app is in its pre-start handlers.
  bool begun() const noexcept;
  bool over() const noexcept { return shutdown_.over(); }
  int status() const noexcept { return shutdown_.pod_status(); }

 private:
  struct App {
    AppLife life;
    pid_t pid = 0;
    bool arrived = true;  // false: `pid` is on its way into the pod
    int signal = 0;       // what ended its main process
    bool killed = false;  // that was SIGKILL, and nobody here had sent it
  };

  void drive(std::size_t i, AppLife::Do what);
  AppLife::Do launch(std::size_t i);
  void tell_started(std::size_t i);
  bool arrive(std::size_t i);
  void process_ended(std::size_t i);
  AppLife::Do after(std::size_t i, ExitStatus how, bool arrived);
  bool wants_other_signal() const;
  int stop_signal(std::size_t i) const;
  void signal_arriving(int number) const;
  void terminate();
  void act(Shutdown::Do what);
  void say(std::size_t i, std::string_view text) const;

  const PodPlan& plan_;
  Launcher& launcher_;
  std::function<void(const Message&)> tell_;
  FaultPage faults_;
  Shutdown shutdown_;
  std::vector<App> apps_;
};

}  // namespace rkt::native
