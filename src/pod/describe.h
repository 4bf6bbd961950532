// SPDX-License-Identifier: Apache-2.0
// A pod as `list` and `status` show it (cli §8.3, 8.4, 9.1).
#pragma once

#include <string>
#include <vector>

#include "json/value.h"
#include "pod/pod.h"

namespace rkt::pod {

/// "NAME:ip4=ADDR" joined by ", "; empty for host networking.
std::string networks_text(const std::vector<cni::NetInfo>& networks);

/// Networks of a pod in a state that shows them (running, exited); else none.
std::vector<cni::NetInfo> shown_networks(const Pod& pod);

/// One app as an object of its pod's list, and as what `app status` shows.
json::Value describe_app(const Pod& pod, const appc::PodManifest& manifest, const appc::RuntimeApp& app);

/// The object of §9.1. Throws "invalid creation time" for a pod that is not prepared yet.
json::Value describe(const Pod& pod);

}  // namespace rkt::pod
