// SPDX-License-Identifier: Apache-2.0
// What poll said about a descriptor that several parts of one loop may have asked for.
#pragma once

#include <poll.h>

#include <span>

namespace rkt::native {

inline short revents_of(std::span<const pollfd> events, int fd) {
  short out = 0;
  for (const auto& e : events)
    if (e.fd == fd) out = static_cast<short>(out | e.revents);
  return out;
}

}  // namespace rkt::native
