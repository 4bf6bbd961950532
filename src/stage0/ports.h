// SPDX-License-Identifier: Apache-2.0
// Ports of a pod that the host forwards: each must belong to exactly one app, and no two may meet on the host.
#pragma once

#include <vector>

#include "schema/appc/pod_manifest.h"

namespace rkt::stage0 {

/// Throws `port name "N" could not be found in any apps`, `port name "N" defined multiple apps`, `port tcp-0.0.0.0:80
/// already mapped to pod port 80`. `apps`: the app sections as they will run.
void check_ports(const std::vector<appc::ExposedPort>& ports, const std::vector<const appc::App*>& apps);

}  // namespace rkt::stage0
