// SPDX-License-Identifier: Apache-2.0
// registries.conf, version 2 (and 1, which says less in other words): mirrors, blocked and insecure registries, short
// names. Files that come later replace a [[registry]] of the same prefix, the search list and the mode, and add
// aliases.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/places.h"

namespace rkt::config {

struct Mirror {
  std::string location;
  bool insecure = false;
  enum class For : std::uint8_t { all, digests, tags } pulls = For::all;
};
/// One [[registry]].
struct RegistryRule {
  std::string prefix;    ///< HOST[:PORT][/PATH], or *.DOMAIN
  std::string location;  ///< what takes the place of `prefix`; "" with *.DOMAIN: nothing does
  bool insecure = false, blocked = false, mirror_by_digest_only = false;
  std::vector<Mirror> mirrors;
  std::string file;  ///< that says so
};
struct Registries {
  static constexpr const char* kAuthFiles = "containers-auth.json";  ///< among the helpers: the files with accounts
  std::map<std::string, RegistryRule> rules;                         ///< by prefix
  std::vector<std::string> search;                                   ///< unqualified-search-registries
  std::map<std::string, std::string> aliases;
  enum class ShortNames : std::uint8_t { permissive, enforcing, disabled } short_names = ShortNames::permissive;
  std::vector<std::string> helpers = {kAuthFiles};  ///< credential-helpers, in the order in which they are asked
};

/// Adds what one file says. Throws Errc::invalid naming file and place.
void add_registries(Registries& registries, std::string_view text, const std::string& path);
/// All files of those places.
Registries load_registries(const ToolPlaces& places);

/// An image as the reference names it, or at a place that a rule puts in its stead.
struct PullName {
  std::string host, repository;  ///< Docker Hub is docker.io
  std::string tag, digest;       ///< at most one of them
};
struct PullSource {
  std::string host, repository;
  bool insecure = false;  ///< certificates are not checked, and http will do
  bool mirror = false;
  std::string file;  ///< of the rule, "" without one
};
/// Where to pull from, best first; the last one is the registry itself. Throws Errc::denied for a blocked one.
std::vector<PullSource> pull_sources(const Registries& registries, const PullName& name);

/// What a name without a registry may stand for, in the order to be tried: references with a registry. Empty: nobody
/// configured anything, and the default registry is meant. Throws Errc::denied when a person would have to be asked.
std::vector<std::string> short_name_candidates(const Registries& registries, std::string_view name);

}  // namespace rkt::config
