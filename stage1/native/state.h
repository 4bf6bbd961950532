// SPDX-License-Identifier: Apache-2.0
// POD/stage1-native.json: what `enter` needs to know about a running pod. Host-only, beside the pod's manifest;
// replaced as a whole, so that a reader sees one moment.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stage1/common/process_limits.h"
#include "stage1/native/options.h"
#include "sys/dir.h"

namespace rkt::native {

struct PodState {
  struct App {
    std::string name;
    int pid = 0;  ///< in the pod's pid namespace; may have ended since, so the app's cgroup has to confirm it
    bool no_new_privs = false;
    uid_t uid = 0;  ///< as the pod sees it; also the next
    gid_t gid = 0;
    std::vector<gid_t> groups = {};
  };
  Restrictions restrictions;
  stage1::ProcessLimits limits = {};  ///< that apps start with
  std::vector<App> apps;              ///< those that run
  const App* find(std::string_view name) const;
};

void save_state(const DirFd& pod, const PodState& state);
/// nullopt: the pod has not come that far.
std::optional<PodState> load_state(const DirFd& pod);

}  // namespace rkt::native
