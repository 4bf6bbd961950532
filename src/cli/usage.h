// SPDX-License-Identifier: Apache-2.0
// Usage text of a command, of a group ("image") or of rkt itself (""), generated from the command list (cli chapter
// 13).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace rkt::cli {

/// `bare`: printed because the command itself was missing; then the -h line is part of it.
std::string usage(std::span<const Command> commands, std::string_view path, bool bare = false);

}  // namespace rkt::cli
