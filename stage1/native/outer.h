// SPDX-License-Identifier: Apache-2.0
// The event loop of the process that was `rkt run`: copies output and input, passes signals on as a request to end,
// takes init's messages, and learns how the pod ended.
//
//   SIGTERM, SIGINT, SIGHUP   the pod is asked to end; the second one, and ^] three times on its terminal, kill it
//   SIGWINCH                  the terminal's size is passed on
#pragma once

#include <functional>

#include "stage1/native/message.h"
#include "stage1/native/plan.h"
#include "stage1/native/relay.h"
#include "sys/fd.h"

namespace rkt::native {

/// Blocks what outer handles, for this process and its clones; call before anything is cloned. Gives a signalfd.
UniqueFd take_signals();

struct OuterInput {
  const PodPlan& plan;
  Relay& relay;
  int signals;  ///< from take_signals()
  int init;     ///< pidfd of the pod's pid 1
  int control;  ///< message.h
  std::function<void()> on_ready;
};

/// To the end of the pod and of its output; the pod's exit status. Init is left as a zombie: while the pod's lock is
/// held, its process ID names nobody else.
int supervise_from_outside(OuterInput input);

}  // namespace rkt::native
