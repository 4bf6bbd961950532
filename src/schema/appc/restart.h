// SPDX-License-Identifier: Apache-2.0
// Whether an app that has ended is started again: the annotation coreos.com/rkt/stage2/restart of an app. Ours; the
// reference leaves it to whoever runs rkt.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rkt::appc {

struct RestartPolicy {
  enum class When : std::uint8_t { never, on_failure, always } when = When::never;
  std::optional<std::uint32_t> most;  ///< restarts; nullopt: without end
  bool operator==(const RestartPolicy&) const = default;
};

/// "no", "on-failure", "on-failure:N" (N from 1), "always". Throws `invalid restart policy "X": …`.
RestartPolicy parse_restart(std::string_view text);

}  // namespace rkt::appc
