// SPDX-License-Identifier: Apache-2.0
// Signals as descriptors.
#pragma once

#include "sys/fd.h"

namespace rkt {

/// Blocks SIGTERM and SIGINT; the descriptor becomes readable when one of them came. For services: both mean "end".
UniqueFd end_signals();

}  // namespace rkt
