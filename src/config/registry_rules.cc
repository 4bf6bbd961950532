// SPDX-License-Identifier: Apache-2.0
// What the rules of registries.conf mean for one image.
#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "config/registries.h"

namespace rkt::config {
namespace {

// How much of `name` the prefix covers; 0: it is another one. A prefix ends where a component, a port, a tag or a
// digest does.
std::size_t covered(std::string_view prefix, std::string_view name) {
  if (prefix.starts_with("*.")) {
    const std::string_view host = name.substr(0, name.find_first_of("/:@"));
    const std::string_view domain = prefix.substr(1);
    return host.size() > domain.size() && host.ends_with(domain) ? host.size() : 0;
  }
  if (!name.starts_with(prefix)) return 0;
  const std::string_view rest = name.substr(prefix.size());
  return rest.empty() || std::string_view("/:@").find(rest.front()) != std::string_view::npos ? prefix.size() : 0;
}

const RegistryRule* rule_for(const Registries& registries, std::string_view name) {
  const RegistryRule* best = nullptr;
  for (const auto& [prefix, rule] : registries.rules)
    if (covered(prefix, name) != 0 && (best == nullptr || prefix.size() > best->prefix.size())) best = &rule;
  return best;
}

// HOST[:PORT]/REPOSITORY without what stands behind it.
PullSource source_at(std::string_view place, const std::string& suffix) {
  place.remove_suffix(suffix.size());
  const auto slash = place.find('/');
  if (slash == std::string_view::npos || slash + 1 == place.size())
    return {.host = std::string(place), .repository = {}};
  return {.host = std::string(place.substr(0, slash)), .repository = std::string(place.substr(slash + 1))};
}

}  // namespace

std::vector<PullSource> pull_sources(const Registries& registries, const PullName& name) {
  const std::string suffix = name.digest.empty() ? cat(":", name.tag) : cat("@", name.digest);
  const std::string full = cat(name.host, "/", name.repository, suffix);
  const RegistryRule* rule = rule_for(registries, full);
  if (rule == nullptr) return {{.host = name.host, .repository = name.repository}};
  if (rule->blocked) throw Error(Errc::denied, cat("registry ", quoted(rule->prefix), " is blocked in ", rule->file));
  const std::string rest = full.substr(covered(rule->prefix, full));
  const auto moved = [&](const std::string& location) {
    return source_at(location.empty() ? full : cat(location, rest), suffix);
  };
  std::vector<PullSource> out;
  for (const auto& mirror : rule->mirrors) {
    const bool digests_only = rule->mirror_by_digest_only || mirror.pulls == Mirror::For::digests;
    if (name.digest.empty() ? digests_only : mirror.pulls == Mirror::For::tags) continue;
    out.push_back(moved(mirror.location));
    out.back().insecure = mirror.insecure;
    out.back().mirror = true;
  }
  out.push_back(moved(rule->location));
  out.back().insecure = rule->insecure;
  for (auto& source : out) {
    source.file = rule->file;
    if (source.repository.empty())
      throw Error(Errc::invalid, cat("registry ", quoted(rule->prefix), " in ", rule->file,
                                     ": no repository is left of ", quoted(full)));
  }
  return out;
}

std::vector<std::string> short_name_candidates(const Registries& registries, std::string_view name) {
  if (registries.search.empty()) return {};
  const auto end = name.find_first_of(":@");
  const std::string bare(name.substr(0, end));
  const std::string rest(end == std::string_view::npos ? std::string_view{} : name.substr(end));
  if (const auto alias = registries.aliases.find(bare); alias != registries.aliases.end())
    return {cat(alias->second, rest)};
  if (registries.search.size() > 1 && registries.short_names == Registries::ShortNames::enforcing)
    throw Error(Errc::denied, cat("short name ", quoted(name), " may stand for an image of ", registries.search.size(),
                                  " registries, and short-name-mode is \"enforcing\""))
        .hint("name the registry");
  std::vector<std::string> out;
  for (const auto& registry : registries.search) out.push_back(cat(registry, "/", name));
  return out;
}

}  // namespace rkt::config
