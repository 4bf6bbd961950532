// SPDX-License-Identifier: Apache-2.0
// --dns… and --hosts-entry: which resolv.conf and hosts files the apps see (reference: networking §8).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "stage0/stage0.h"

namespace rkt::stage0 {

struct NameService {
  enum class Mode : std::uint8_t { normal, stage0, host, none };
  Mode resolv = Mode::normal, hosts = Mode::normal;
  std::string resolv_conf;    ///< Mode::stage0: the file
  std::string hosts_entries;  ///< Mode::stage0: one line an address

  /// "resolv=M,hosts=M"; nullopt when both are default.
  std::optional<std::string> argument() const;
  /// The hosts file on top of stage1's fallback, or of a built-in head when it has none.
  std::string hosts_text(const std::optional<std::string>& fallback) const;
};

/// Pure. Throws "error with dns flags: …".
NameService plan_name_service(const RunOptions& options);

}  // namespace rkt::stage0
