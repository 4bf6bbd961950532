// SPDX-License-Identifier: Apache-2.0
// As whom an app, or what enters it, runs: numbers as the pod sees them, each one that is somebody there.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "stage1/native/pod.h"
#include "sys/dir.h"
#include "sys/userns.h"

namespace rkt::native {

/// An app that cannot start: the status that is recorded for it, and why.
struct StartFault {
  int status = 0;
  std::string text;
};

struct AppIds {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;        ///< all that it has, `gid` first
  std::optional<StartFault> fault;  ///< why it is nobody: the app fails with it, the pod is started
};

/// What the app's manifest says, of the image's root. Throws for numbers that are none.
AppIds find_ids(const PodApp& app, const DirFd& root, const std::optional<IdRange>& users);

/// "USER" or "USER:GROUP", names of `root` or numbers. Throws instead of a fault.
AppIds find_account_ids(const DirFd& root, const std::string& account, const std::optional<IdRange>& users);

}  // namespace rkt::native
