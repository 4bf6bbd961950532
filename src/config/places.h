// SPDX-License-Identifier: Apache-2.0
// Where other container tools keep what they know about registries: accounts, mirrors, certificates. The same files
// count here, found by the same variables of the environment.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace rkt::config {

using GetEnv = std::function<std::optional<std::string>(const char*)>;

struct ToolPlaces {
  /// In the order in which they are looked at: containers' auth.json, then Docker's config.json.
  std::vector<std::string> auth_files;
  bool auth_required = false;                       ///< the one file that REGISTRY_AUTH_FILE names must be there
  std::string registries;                           ///< registries.conf
  bool registries_required = false;                 ///< CONTAINERS_REGISTRIES_CONF names it
  std::vector<std::string> registries_directories;  ///< of *.conf files that are read after it, in this order
  std::vector<std::string> certificates;            ///< directories of directories HOST[:PORT]
};

/// `exists` tells whether a file is there.
ToolPlaces tool_places(const GetEnv& env, unsigned uid, const std::function<bool(const std::string&)>& exists);

}  // namespace rkt::config
