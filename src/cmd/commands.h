// SPDX-License-Identifier: Apache-2.0
// Every command of rkt, one file each in this folder.
#pragma once

#include <span>

#include "cli/command.h"

namespace rkt::cmd {

/// In the order in which usage and suggestions list them.
std::span<const cli::Command> all_commands();

}  // namespace rkt::cmd
