// SPDX-License-Identifier: Apache-2.0
// --insecure-options: one flag a check that is off (cli §2.2).
#pragma once

#include <string_view>

namespace rkt::image {

struct Insecure {
  bool image = false, tls = false, ondisk = false, http = false, pubkey = false;  // fetch side
  bool capabilities = false, paths = false, seccomp = false;                      // run side
  /// Comma list, any case; "" and "none" turn nothing off. Throws "unknown option …", "duplicated option …".
  static Insecure parse(std::string_view text);
};

}  // namespace rkt::image
