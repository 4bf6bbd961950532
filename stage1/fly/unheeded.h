// SPDX-License-Identifier: Apache-2.0
// fly starts its app on the host, as it is: whoever asked for more has to be told.
#pragma once

#include <set>
#include <string>

#include "stage1/fly/pod.h"

namespace rkt::fly {

/// What the pod's manifests ask for and fly does not have, by the names of flags, isolators and annotations. Pure.
std::set<std::string> find_unheeded(const FlyPod& pod);

}  // namespace rkt::fly
