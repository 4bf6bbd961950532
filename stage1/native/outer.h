// SPDX-License-Identifier: Apache-2.0
// The event loop of the process that was `rkt run`: copies output and input, passes signals on as a request to end,
// takes init's messages, and learns how the pod ended.
//
//   SIGTERM, SIGINT           the pod is asked to end; asking again changes nothing, but a second SIGINT kills it, and
//                             so does ^] three times on its terminal. A SIGTERM that was queued with a value (sigqueue)
//                             says how long the grace is, in ms; again, too
//   SIGHUP                    the app's terminal hangs up, too; a pod without one goes on
//   SIGWINCH                  the terminal's size is passed on
//   SIGQUIT, SIGTTOU, SIGXFSZ are blocked: a terminal, or a full quota, does not end who looks after the pod
//
// After the pod's end these signals give up on a reader of the output that does not read.
#pragma once

#include <functional>

#include "stage1/native/message.h"
#include "stage1/native/mutable_apps.h"
#include "stage1/native/outside.h"
#include "stage1/native/plan.h"
#include "stage1/native/readiness.h"
#include "stage1/native/relay.h"
#include "sys/fd.h"

namespace rkt::native {

/// Blocks what outer handles, for this process and its clones; call before anything is cloned. Gives a signalfd.
UniqueFd take_signals();

struct OuterInput {
  Relay& relay;
  int signals;               ///< from take_signals()
  int init;                  ///< pidfd of the pod's pid 1
  int control;               ///< message.h
  std::size_t apps_of_init;  ///< that pid 1 launches itself
  std::function<void(std::size_t app, int pid)> on_started;
  std::function<void()> on_ready;  ///< every app's first process, which may be a handler, is in the pod
  std::function<void()> on_begun;  ///< after that: every app has got through its pre-start handlers
  /// Has recorded it when it returns. `killed`: message.h.
  std::function<void(std::size_t app, int status, bool killed)> on_ended;
  /// Has recorded it, and killed what the app left, when it returns.
  std::function<void(std::size_t app, int count)> on_restarts;
  std::function<void()> on_over;  ///< no app is left, and pid 1 is ending
  MutableApps* apps = nullptr;    ///< of a mutable pod
  Outside* launcher = nullptr;    ///< of a pod whose apps are launched from here
  Readiness* readiness = nullptr;
};

/// To the end of the pod and of its output; the pod's exit status. Init is left as a zombie: while the pod's lock is
/// held, its process ID names nobody else.
int supervise_from_outside(OuterInput input);

}  // namespace rkt::native
