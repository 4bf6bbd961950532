// SPDX-License-Identifier: Apache-2.0
// What gc does with one pod it meets.
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

/// A stage1 that cannot release what the pod holds (broken, foreign, or its tree is gone) gets a day to succeed.
bool is_past_patience(pod::TimePoint first_failure, pod::TimePoint now);

/// Calls the pod's stage1 to give back what the pod holds outside of its directory. It has ended, and the caller has
/// its lock.
void collect_with_stage1(store::Store& store, const pod::Pods& pods, const pod::Pod& pod,
                         const std::string& local_config, bool debug);

struct Removal {
  std::string local_config;
  bool debug = false;
  bool insist = false;                         ///< the files go also when stage1's gc failed
  std::function<void(std::string_view)> note;  ///< takes lines about what went wrong on the way
};
enum class Removed : std::uint8_t {
  yes,
  busy,  ///< somebody holds its lock, or it is gone
  kept   ///< stage1's gc failed: for the next gc
};
/// Deletes a pod that is garbage already.
Removed delete_pod(store::Store& store, const pod::Pods& pods, pod::Pod& pod, const Removal& how);

/// Lets go of the mounts that are kept when there is no pod that could use them. One that is being made at this moment
/// makes them again.
void release_trees(const store::Store& store, const pod::Pods& pods, const std::function<void(std::string_view)>& note);

}  // namespace rkt::stage0
