// SPDX-License-Identifier: Apache-2.0
// The mounts of a running pod, which are in its own mount namespace: there alone POD/stage1/rootfs is what stage1 sees.
#pragma once

#include <optional>
#include <string>

#include "pod/pod.h"
#include "stage0/mounts.h"

namespace rkt::stage0 {

/// Enters the mount namespace that the pod lives in, as long as `scope` lives; nothing is done for a pod of copies.
/// `path`: the pod's. Throws when the pod is ending.
void enter_pod_mounts(std::optional<MountScope>& scope, const pod::Pod& pod, const std::string& path);

}  // namespace rkt::stage0
