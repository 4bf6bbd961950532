// SPDX-License-Identifier: Apache-2.0
// Datagrams that an app sends to a process which must not wait for it. Descriptors may come with one, and the last
// close of some (a TCP connection that lingers) blocks whoever does it: so they are never received, and a socket that
// has some waiting in it is not closed before this process ends, when nothing lingers.
#pragma once

#include <sys/types.h>

#include <span>

#include "sys/fd.h"

namespace rkt::native {

struct NextDatagram {
  ssize_t size = -1;  ///< of what was copied; -1: nothing is there
  bool descriptors = false;
};

/// Leaves it there; what the buffer does not hold is cut off.
NextDatagram look_at_datagram(int socket, std::span<char> buffer) noexcept;
/// Removes the next one, which has no descriptors.
void drop_datagram(int socket) noexcept;

/// Nobody can send from here on. The descriptor stays open until this process ends.
void abandon_datagrams(UniqueFd& socket) noexcept;
/// The same, but closes it when no descriptors wait in it. Whether some did.
bool close_datagrams(UniqueFd& socket) noexcept;

}  // namespace rkt::native
