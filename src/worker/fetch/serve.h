// SPDX-License-Identifier: Apache-2.0
// The requests of protocol.h, one after the other, until rkt closes the channel.
#pragma once

#include "sys/channel.h"

namespace rkt::fetch {

/// Throws when rkt has gone away in the middle of a request, and on what is no request.
void serve(Channel channel);

}  // namespace rkt::fetch
