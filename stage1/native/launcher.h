// SPDX-License-Identifier: Apache-2.0
// Where the apps of a pod are launched from: its pid 1 (within.h), when that is over once they all run; else the outer
// process (outside.h), so that pid 1 keeps nothing for it.
#pragma once

#include <string>
#include <vector>

#include "stage1/native/launch.h"

namespace rkt::native {

class Launcher {
 public:
  struct Child {
    pid_t pid;
    bool arrived;  ///< false: it ends when it has made the app's process
  };

  virtual ~Launcher() = default;
  /// A child of this process on its way to be an app, or an event handler of one (not `main`). Throws.
  virtual Child launch(std::size_t app, const std::vector<std::string>& argv, bool main, AppFault& fault) = 0;
  /// What a child that had not arrived, and has ended, made: a child of this process as well. 0: nothing.
  virtual pid_t arrived(std::size_t app, const AppFault& fault) const = 0;
  /// The number in the pod of a process here.
  virtual pid_t number(pid_t pid) const = 0;
  /// The app has ended for good.
  virtual void forget(std::size_t app) noexcept = 0;
  /// For everybody in the pod but its pid 1.
  virtual void signal_all(int number) = 0;
  /// A child of this process that somebody else reaps.
  virtual bool is_pid_1(pid_t pid) const = 0;
  /// pid 1 has ended, or is about to, and all with it: how nobody wants to know.
  virtual bool pod_is_gone() const = 0;
};

}  // namespace rkt::native
