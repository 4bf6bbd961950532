// SPDX-License-Identifier: Apache-2.0
// Reading registries.conf and the files that come after it.
#include "config/registries.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "config/toml.h"
#include "json/reader.h"
#include "sys/file.h"

namespace rkt::config {
namespace {

constexpr std::size_t kMaxRegistriesFile = std::size_t{1} << 20;

// "HOST[:PORT][/PATH]" without a trailing slash.
std::string location_of(const json::Reader& in) {
  std::string text = in.text();
  while (text.ends_with('/')) text.pop_back();
  if (text.starts_with("http://") || text.starts_with("https://")) in.fail("a location has no URL scheme");
  const bool odd = std::ranges::any_of(text, [](char c) { return c <= ' ' || c == '?' || c == '#' || c == '\\'; });
  if (odd) in.fail("malformed location");
  return text;
}

std::string location_or(const json::Reader& in, const char* member, std::string fallback) {
  const auto found = in.find(member);
  return found ? location_of(*found) : std::move(fallback);
}

Mirror::For pulls_of(const json::Reader& in) {
  const std::string text = in.text_or("pull-from-mirror", "");
  if (text.empty() || text == "all") return Mirror::For::all;
  if (text == "digest-only") return Mirror::For::digests;
  if (text == "tag-only") return Mirror::For::tags;
  in.at("pull-from-mirror").fail(cat("unknown word ", quoted(text)));
}

Mirror read_mirror(const json::Reader& in, bool digest_only) {
  Mirror out{.location = location_of(in.at("location")), .insecure = in.boolean_or("insecure", false)};
  if (out.location.empty()) in.at("location").fail("empty");
  if (digest_only && in.find("pull-from-mirror"))
    in.fail("mirror-by-digest-only of the registry and pull-from-mirror exclude each other");
  out.pulls = pulls_of(in);
  return out;
}

RegistryRule read_rule(const json::Reader& in, const std::string& path) {
  RegistryRule out;
  out.file = path;
  out.location = location_or(in, "location", {});
  out.prefix = location_or(in, "prefix", out.location);
  if (out.prefix.empty()) in.fail("prefix and location are both missing");
  const bool wildcard = out.prefix.starts_with("*.");
  if (!wildcard && out.prefix.find('*') != std::string::npos) in.fail("\"*\" is only possible as \"*.DOMAIN\"");
  if (wildcard && out.prefix.find_first_of("/@:") != std::string::npos)
    in.fail("\"*.DOMAIN\" takes no path and no port");
  if (!wildcard && out.location.empty()) in.fail("location is missing");
  out.insecure = in.boolean_or("insecure", false);
  out.blocked = in.boolean_or("blocked", false);
  out.mirror_by_digest_only = in.boolean_or("mirror-by-digest-only", false);
  for (const auto& mirror : in.items("mirror")) out.mirrors.push_back(read_mirror(mirror, out.mirror_by_digest_only));
  return out;
}

Registries::ShortNames mode_of(const json::Reader& in) {
  const std::string& text = in.text();
  if (text == "enforcing") return Registries::ShortNames::enforcing;
  if (text == "permissive") return Registries::ShortNames::permissive;
  if (text == "disabled") return Registries::ShortNames::disabled;
  in.fail(cat("unknown word ", quoted(text)));
}

// [registries.search], [registries.insecure], [registries.block], each with a list "registries".
void add_version_1(Registries& out, const json::Reader& in, const std::string& path) {
  const auto list = [&](const char* section) {
    std::vector<std::string> names;
    if (const auto found = in.find(section))
      for (const auto& name : found->items("registries")) names.push_back(location_of(name));
    return names;
  };
  if (auto search = list("search"); !search.empty()) out.search = std::move(search);
  const auto rule = [&](const std::string& name) -> RegistryRule& {
    RegistryRule& r = out.rules[name];
    r.prefix = r.location = name;
    r.file = path;
    return r;
  };
  for (const auto& name : list("insecure")) rule(name).insecure = true;
  for (const auto& name : list("block")) rule(name).blocked = true;
}

void add_version_2(Registries& out, const json::Reader& in, const std::string& path) {
  std::map<std::string, RegistryRule> rules;
  for (const auto& registry : in.items("registry")) {
    RegistryRule rule = read_rule(registry, path);
    const std::string prefix = rule.prefix;
    const auto [first, added] = rules.emplace(prefix, rule);
    if (!added && (first->second.insecure != rule.insecure || first->second.blocked != rule.blocked))
      registry.fail(cat("registry ", quoted(prefix), " is there twice, with other settings"));
  }
  for (auto& [prefix, rule] : rules) out.rules.insert_or_assign(prefix, std::move(rule));
  if (in.find("unqualified-search-registries")) {
    out.search.clear();
    for (const auto& name : in.items("unqualified-search-registries")) out.search.push_back(location_of(name));
  }
  if (const auto aliases = in.find("aliases"))
    for (const auto& [name, value] : aliases->members()) {
      const std::string target = location_of(value);
      if (target.empty())
        out.aliases.erase(name);
      else
        out.aliases.insert_or_assign(name, target);
    }
  if (const auto mode = in.find("short-name-mode")) out.short_names = mode_of(*mode);
  if (in.find("credential-helpers"))
    if (auto helpers = in.texts("credential-helpers"); !helpers.empty()) out.helpers = std::move(helpers);
}

}  // namespace

void add_registries(Registries& registries, std::string_view text, const std::string& path) {
  const json::Value value = parse_toml(text, path);
  const json::Reader in(value, path);
  const auto old = in.find("registries");
  if (!old) return add_version_2(registries, in, path);
  if (in.find("registry") || in.find("unqualified-search-registries"))
    in.fail("version 1 and version 2 of the format are mixed");
  add_version_1(registries, *old, path);
}

Registries load_registries(const ToolPlaces& places) {
  Registries out;
  try {
    add_registries(out, read_file(places.registries, kMaxRegistriesFile), places.registries);
  } catch (const Error& e) {
    if (e.code() != Errc::not_found || places.registries_required) throw;
  }
  for (const auto& directory : places.registries_directories) {
    const auto dir = DirFd::find(directory);
    if (!dir) continue;
    for (const auto& name : dir->names()) {
      const std::string path = cat(directory, "/", name);
      if (name.ends_with(".conf")) add_registries(out, read_file(path, kMaxRegistriesFile), path);
    }
  }
  return out;
}

}  // namespace rkt::config
