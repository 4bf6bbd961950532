// SPDX-License-Identifier: Apache-2.0
// Waiting for a pod without polling: for its lock, or for its rename.
#pragma once

#include <chrono>
#include <optional>

#include "pod/pod.h"

namespace rkt::pod {

using Limit = std::optional<std::chrono::nanoseconds>;  ///< nullopt: for ever

/// Waits until is_finished(pod.state()). False: the limit passed first. Uses SIGALRM and the real-time interval timer
/// of the process when there is a limit.
bool wait_finished(const Pods& pods, Pod& pod, Limit limit);

enum class Ready : std::uint8_t { ready, timeout, ended };
/// Waits for the supervisor's ready mark; `ended`: the pod will never have one.
Ready wait_ready(const Pods& pods, Pod& pod, Limit limit);

}  // namespace rkt::pod
