// SPDX-License-Identifier: Apache-2.0
// A mutable pod: apps come and go, and are children of the outer process (mutable_apps.h). The pod's pid 1 makes what
// only a process in the pod's namespaces can make, hands it out, and is harmless from then on: it holds nothing of the
// host and reaps orphans.
#pragma once

#include "stage1/native/app_mounts.h"

namespace rkt::native {

/// Sends all but the terminals, which the outer process has. Throws.
void hand_over(int socket, const SharedMounts& mounts);

/// Waits for them; nullopt: the other side has ended. `devpts` completes them.
std::optional<SharedMounts> take_over(int socket, DetachedMount devpts);

/// Event loop of a pid 1 that launches nothing: drops its capabilities, says that it is ready, reaps and passes signals
/// on until it is asked to end (0) or nobody is left to ask. Then everything in the pod is killed.
int reap_until_asked(int control);

}  // namespace rkt::native
