// SPDX-License-Identifier: Apache-2.0
// What gc does with one pod it meets. Pure.
#pragma once

#include "stage0/stage0.h"

namespace rkt::stage0 {

enum class GcStep : std::uint8_t {
  leave,      ///< not finished, or not old enough to be marked
  mark,       ///< rename to a garbage place
  too_young,  ///< marked, within the grace period
  remove
};
/// `changed`: of the pod's directory, that is when it was marked or prepared.
GcStep plan_gc_step(pod::State state, pod::TimePoint changed, pod::TimePoint now, const GcOptions& options);

/// An embryo is a directory for microseconds; what is older belongs to a process that died.
bool is_dead_embryo(pod::TimePoint changed, pod::TimePoint now);

/// Deletes a pod that is garbage already. False: somebody holds its lock, or it is gone. `note` takes lines about what
/// went wrong on the way and was tolerated.
bool delete_pod(store::Store& store, const pod::Pods& pods, pod::Pod& pod, const std::string& local_config, bool debug,
                const std::function<void(std::string_view)>& note);

}  // namespace rkt::stage0
