// SPDX-License-Identifier: Apache-2.0
#include "schema/cni/version.h"

#include "base/strings.h"

namespace rkt::cni {
namespace {

bool is_at_least(std::string_view version, const Version& first) {
  return Version::parse(version).value_or(kOldestVersion) >= first;
}

}  // namespace

std::optional<Version> Version::parse(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 3) return std::nullopt;
  const auto major = parse_int<unsigned short>(parts[0]), minor = parse_int<unsigned short>(parts[1]),
             patch = parse_int<unsigned short>(parts[2]);
  if (!major || !minor || !patch) return std::nullopt;
  return Version{*major, *minor, *patch};
}

std::string Version::str() const { return cat(major, ".", minor, ".", patch); }

bool has_version_command(std::string_view version) { return is_at_least(version, {0, 2, 0}); }
bool has_chains(std::string_view version) { return is_at_least(version, {0, 3, 0}); }
bool has_check(std::string_view version) { return is_at_least(version, {0, 4, 0}); }
bool has_gc(std::string_view version) { return is_at_least(version, {1, 1, 0}); }

}  // namespace rkt::cni
