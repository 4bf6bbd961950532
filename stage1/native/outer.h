// SPDX-License-Identifier: Apache-2.0
// The event loop of the process that was `rkt run`: copies output and input, passes signals on as a request to end,
// takes init's messages, and learns how the pod ended.
//
//   SIGTERM, SIGHUP, SIGINT   the pod is asked to end (by SIGHUP not when it was ignored, as nohup does); asking again
//   changes nothing, but a second SIGINT kills it, and
//                             so does ^] three times on its terminal. A SIGTERM that was queued with a value (sigqueue)
//                             says how long the grace is, in ms; again, too
//   SIGWINCH                  the terminal's size is passed on
//
// After the pod's end these signals give up on a reader of the output that does not read.
#pragma once

#include <functional>

#include "stage1/native/message.h"
#include "stage1/native/mutable_apps.h"
#include "stage1/native/plan.h"
#include "stage1/native/readiness.h"
#include "stage1/native/relay.h"
#include "sys/fd.h"

namespace rkt::native {

/// Blocks what outer handles, for this process and its clones; call before anything is cloned. Gives a signalfd.
UniqueFd take_signals();

struct OuterInput {
  Relay& relay;
  int signals;  ///< from take_signals()
  int init;     ///< pidfd of the pod's pid 1
  int control;  ///< message.h
  std::function<void(std::size_t app, int pid)> on_started;
  std::function<void()> on_ready;
  std::function<void(std::size_t app, int status)> on_ended;  ///< has recorded it when it returns
  std::function<void(std::size_t app)> on_restarts;           ///< has counted it, and killed what the app left
  MutableApps* apps = nullptr;                                ///< of a mutable pod
  Readiness* readiness = nullptr;
};

/// To the end of the pod and of its output; the pod's exit status. Init is left as a zombie: while the pod's lock is
/// held, its process ID names nobody else.
int supervise_from_outside(OuterInput input);

}  // namespace rkt::native
