// SPDX-License-Identifier: Apache-2.0
// How one app of a pod fares, from files alone (reference: pods §10.4).
#pragma once

#include <string>

#include "pod/pod.h"

namespace rkt::pod {

struct AppState {
  const char* state = "unknown";  ///< unknown, created, running, exited
  std::optional<TimePoint> created, started, finished;
  std::optional<int> exit_code;
};

bool is_mutable(const appc::PodManifest& manifest);

/// Of a mutable pod each app has times of its own; of others they are the pod's.
AppState look_at_app(const Pod& pod, const std::string& app, bool is_mutable);

}  // namespace rkt::pod
