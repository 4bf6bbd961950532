// SPDX-License-Identifier: Apache-2.0
// --insecure-options: one flag a check that is off (cli §2.2).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rkt::image {

struct Insecure {
  bool image = false, tls = false, ondisk = false, http = false, pubkey = false;  // fetch side
  bool capabilities = false, paths = false, seccomp = false;                      // run side
  /// Comma list, any case; "" and "none" turn nothing off. Throws "unknown option …", "duplicated option …".
  static Insecure parse(std::string_view text);
};

/// What to tell a person: a line for each check that is off when images are found, when their trees are used, or when
/// pods run. Keys that may come over insecure links are told of when they are looked for.
std::vector<std::string> fetch_warnings(const Insecure& insecure);
std::vector<std::string> tree_warnings(const Insecure& insecure);
std::vector<std::string> run_warnings(const Insecure& insecure);

}  // namespace rkt::image
