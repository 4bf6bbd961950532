// SPDX-License-Identifier: Apache-2.0
// The limits that a pod was started with, in POD/stage1-fly.limits for `enter`: the nice value, then the soft and the
// hard one of each resource. Of the app's process they could be read by few, and it may have changed them.
#pragma once

#include "stage1/common/process_limits.h"
#include "sys/dir.h"

namespace rkt::fly {

void save_limits(const DirFd& pod, const stage1::ProcessLimits& limits);
stage1::ProcessLimits load_limits(const DirFd& pod);  ///< throws

}  // namespace rkt::fly
