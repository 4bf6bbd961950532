// SPDX-License-Identifier: Apache-2.0
// Versions of the CNI specification, and what came with which (reference: networking §14.1).
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace rkt::cni {

struct Version {
  int major = 0, minor = 0, patch = 0;
  static std::optional<Version> parse(std::string_view text);  ///< "1.0.0"
  std::string str() const;
  auto operator<=>(const Version&) const = default;
};
inline constexpr Version kOldestVersion{0, 1, 0}, kNewestVersion{1, 1, 0};

/// Whether that version has it. What is no version is the oldest.
bool has_version_command(std::string_view version);  ///< 0.2.0
bool has_chains(std::string_view version);           ///< 0.3.0: results that the next plugin reads
bool has_check(std::string_view version);            ///< 0.4.0: CHECK, and the result of ADD on DEL
bool has_gc(std::string_view version);               ///< 1.1.0: GC and STATUS

}  // namespace rkt::cni
