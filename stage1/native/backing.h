// SPDX-License-Identifier: Apache-2.0
// The directories behind empty volumes (reference: pods §6.3, §6.4).
#pragma once

#include "stage1/native/plan.h"

namespace rkt::native {

/// Makes POD/sharedVolumes/NAME for every empty volume that the app mounts, once a name. Those of Docker images
/// start with a copy of what the image has there, if nobody has put anything into them. `others_run`:
/// apps of the pod, so that only a directory made now is filled: nobody can have it open.
void make_backing(const Pod& pod, const AppPlan& app, bool others_run = false);

/// The same for an app of a mutable pod: by who adds or starts it, since a copy may take minutes and outer has others
/// to look after. In the pod's mounts, POD is the working directory; the caller has the pod's pod.lck. Throws
/// `nonexistent app "x"`.
void make_added_backing(const std::string& app);

}  // namespace rkt::native
