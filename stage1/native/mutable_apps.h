// SPDX-License-Identifier: Apache-2.0
// The apps of a mutable pod, driven by the outer process's event loop: what is asked on POD/control (control.h), and
// what becomes of each app (mutable_app.h).
//
// An app that fails ends nothing but itself. The pod ends when it is asked to: every app gets its stop signal, after
// a grace SIGKILL.
#pragma once

#include <chrono>
#include <list>
#include <map>

#include "stage1/native/control.h"
#include "stage1/native/mutable_app.h"

namespace rkt::native {

class MutableApps {
 public:
  using Time = MutableApp::Time;

  explicit MutableApps(MutablePod pod);
  void watch(std::vector<pollfd>& events, Time now) const;
  void handle(std::span<const pollfd> events, Time now);  ///< polled; what watch() did not append does not matter
  void time_passed(Time now);
  Deadline deadline(Time now) const;  ///< when there is something to do; `now` as for watch()
  /// Nothing is started from here on. Again: the rest of the grace may become shorter.
  void stop_all(Time now, std::chrono::milliseconds grace);
  bool idle() const;  ///< no process of an app is left

 private:
  MutableApp* find(std::string_view name);
  void forget(const MutableApp* app);
  void serve(const ControlRequest& request, UniqueFd& client);  ///< takes it, if it is answered later
  void start(const std::string& name, UniqueFd& client);
  void stop(const ControlRequest& request, UniqueFd client);
  void remove(const std::string& name);
  AppPlan plan(const std::string& name, const Warn& warn) const;
  std::string add(const std::string& name);  ///< what is to be said about it
  void check_separation(const AppPlan& next) const;
  bool is_known(pid_t pid) const;
  void end_strays();

  MutablePod pod_;
  ControlSocket control_;
  std::list<MutableApp> apps_;                                // those that were started; they do not move
  std::map<std::string, bool> has_hosts_;                     // by app, when it was first started
  std::map<std::string, std::vector<std::string>> warnings_;  // by app, that have been said to who added or started it
  std::size_t streams_ = 0;
  bool ending_ = false;
  bool strays_ = false;       // end_strays() may find one
  bool spy_lingers_ = false;  // of an app that was forgotten
};

}  // namespace rkt::native
