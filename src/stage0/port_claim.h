// SPDX-License-Identifier: Apache-2.0
// Ports of the host are of one pod at a time: looked at before anything of a pod starts, whoever sets its networks up.
#pragma once

#include <optional>

#include "stage0/ports.h"
#include "stage0/stage0.h"
#include "sys/lock.h"

namespace rkt::stage0 {

/// POD/ports, made when the pod is prepared; no ports: no file.
void save_forwards(const DirFd& pod, const std::vector<Forward>& forwards);
std::vector<Forward> load_forwards(const DirFd& pod);

/// Throws Errc::busy "port tcp-0.0.0.0:80 is already forwarded to pod UUID". What a pod still holds that was killed is
/// collected. The lock is to be held until the new pod is in run/; none: it has no ports.
std::optional<KeyLock> claim_ports(store::Store& store, const pod::Pods& pods, const DirFd& pod,
                                   const RunOptions& options);

}  // namespace rkt::stage0
