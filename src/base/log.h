// SPDX-License-Identifier: Apache-2.0
// Where text for a person goes: stderr, one write per message. Libraries use debug(); note() is for the few lines that
// the command line contract names ("image: signature verified:") and for tolerated failures that must be said. The only
// process-wide state of the project: set once in main. Never pass secrets, tokens or whole environments.
#pragma once

#include <string_view>

namespace rkt::log {

void set_debug(bool on) noexcept;
bool debug_on() noexcept;

/// "COMPONENT: TEXT\n" on stderr, only with --debug.
void debug(std::string_view component, std::string_view text) noexcept;
/// "COMPONENT: TEXT\n" on stderr, always. A newline at the end of TEXT is not doubled;
/// other control characters appear as \xNN.
void note(std::string_view component, std::string_view text) noexcept;

}  // namespace rkt::log
