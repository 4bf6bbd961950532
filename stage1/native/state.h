// SPDX-License-Identifier: Apache-2.0
// POD/stage1-native.json: what `enter` needs to know about a running pod. Host-only, beside the pod's manifest;
// replaced as a whole, so that a reader sees one moment.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stage1/native/options.h"
#include "sys/dir.h"

namespace rkt::native {

struct PodState {
  struct App {
    std::string name;
    int pid = 0;  ///< in the pod's pid namespace; may have ended since, so the app's cgroup has to confirm it
    bool no_new_privs = false;
  };
  Restrictions restrictions;
  std::vector<App> apps;  ///< those that run
  const App* find(std::string_view name) const;
};

void save_state(const DirFd& pod, const PodState& state);
/// nullopt: the pod has not come that far.
std::optional<PodState> load_state(const DirFd& pod);

}  // namespace rkt::native
