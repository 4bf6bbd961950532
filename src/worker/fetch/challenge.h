// SPDX-License-Identifier: Apache-2.0
// WWW-Authenticate (RFC 9110, 11.6.1): several challenges in one field, parameters in any order, quoted strings with
// commas, blanks where the grammar allows them. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rkt::fetch {

struct Challenge {
  std::string scheme;                                  ///< lower case
  std::map<std::string, std::string> parameters;       ///< names in lower case; the first of a name counts
  std::string parameter(std::string_view name) const;  ///< or ""
};

/// What could be read; a malformed rest of a field is left out.
std::vector<Challenge> parse_challenges(std::string_view field);

}  // namespace rkt::fetch
