// SPDX-License-Identifier: Apache-2.0
// Names of signals as images and people write them.
#pragma once

#include <optional>
#include <string_view>

namespace rkt {

/// "SIGTERM", "term", "SIGRTMIN+3", "RTMAX-1", "15"; nullopt: no signal of Linux.
std::optional<int> parse_signal(std::string_view text);

}  // namespace rkt
