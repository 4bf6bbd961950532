// SPDX-License-Identifier: Apache-2.0
// Waiting with next to no memory: what the two long-lived processes of a pod do most of the time. Planning and copying
// touch most of the program; while nothing happens none of it needs to be there.
#pragma once

#include <poll.h>

#include <span>

#include "stage1/native/events.h"

namespace rkt::native {

/// poll(2) that gives memory back when nothing has happened for a moment: free heap, and the pages of the program,
/// which the kernel maps again one by one as they are used.
int poll_lean(std::span<pollfd> events, const Deadline& until);

}  // namespace rkt::native
