// SPDX-License-Identifier: Apache-2.0
// appc meta discovery over the network: the walk from a name to its host until a page has what was asked for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "worker/fetch/engine.h"

namespace rkt::fetch {

struct Endpoints {
  std::string aci, asc;
};

/// The first endpoint of the first prefix that has one. Throws Errc::not_found "discovery failed".
Endpoints discover_image(Session& session, Engine& engine, const std::string& name,
                         const std::map<std::string, std::string>& labels);
/// Where keys are, of the first prefix that names any. Throws the same.
std::vector<std::string> discover_keys(Session& session, Engine& engine, const std::string& name);

}  // namespace rkt::fetch
