// SPDX-License-Identifier: Apache-2.0
// The directories below POD that back a pod's empty volumes.
#pragma once

#include <string>
#include <vector>

#include "stage1/fly/plan.h"
#include "stage1/fly/pod.h"

namespace rkt::fly {

/// Makes those that the plan mounts; to be called before anything of it is mounted. Of an image of Docker's, what lies
/// at the volume's place is what the volume starts with (reference: pods §6.4).
void make_empty_volumes(const FlyPod& pod, const std::string& pod_path, const std::vector<MountOp>& plan);

}  // namespace rkt::fly
