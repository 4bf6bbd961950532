// SPDX-License-Identifier: Apache-2.0
// What several parts of one loop ask of poll, and what it said.
#pragma once

#include <poll.h>

#include <chrono>
#include <optional>
#include <span>

namespace rkt::native {

inline short revents_of(std::span<const pollfd> events, int fd) {
  short out = 0;
  for (const auto& e : events)
    if (e.fd == fd) out = static_cast<short>(out | e.revents);
  return out;
}

/// When there is something to do even if nothing happens; nullopt: never.
using Deadline = std::optional<std::chrono::steady_clock::time_point>;

inline Deadline earlier(const Deadline& a, const Deadline& b) { return a && (!b || *a < *b) ? a : b; }

}  // namespace rkt::native
