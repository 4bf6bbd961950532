// SPDX-License-Identifier: Apache-2.0
// A program that goes into a pod must not be the file that the host executes next time: whoever is root in there could
// open it through /proc/PID/exe and write to it later (CVE-2019-5736). Nor must it be executed in there, as a script's
// interpreter: the kernel follows links like /proc/self/exe after every check.
#pragma once

#include <string>
#include <vector>

#include "sys/fd.h"

namespace rkt::native {

/// From here on nobody writes to this program or executes it. `root`: a detached, read-only overlay which stage0 made
/// for this process alone, and from which it is executed. Without one, or with anything else, the program executes
/// itself again as `name` with `args`, from a sealed copy in memory (about 1.5 ms), and comes here again. Throws.
void seal_program(UniqueFd root, const std::string& name, const std::vector<std::string>& args);

}  // namespace rkt::native
