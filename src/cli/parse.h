// SPDX-License-Identifier: Apache-2.0
// The command line grammar of the reference: finding the command (unambiguous prefixes), flags, images with their own
// flags and arguments; and the texts for everything that can be wrong with it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/env.h"

namespace rkt::cli {

/// The flags that every command takes.
std::span<const Flag> global_flags();

/// The whole of `rkt`: finds the command, parses, checks for root, runs it and returns the exit status. Prints usage
/// and errors.
int run_main(std::span<const Command> commands, const std::vector<std::string>& argv);

}  // namespace rkt::cli
