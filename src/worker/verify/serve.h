// SPDX-License-Identifier: Apache-2.0
// The worker's side of protocol.h.
#pragma once

#include "sys/channel.h"

namespace rkt::verify {

/// Answers one request on `channel`. Failures are answers too; throws only when the channel itself fails.
void serve(Channel& channel, const Channel::Message& request);

}  // namespace rkt::verify
