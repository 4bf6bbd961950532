// SPDX-License-Identifier: Apache-2.0
// A program that goes into a pod must not be the file that the host executes next time: whoever is root in there could
// open it through /proc/PID/exe and write to it later (CVE-2019-5736). Nor must it be executed in there, as a script's
// interpreter: the kernel follows links like /proc/self/exe after every check.
#pragma once

#include <string>
#include <vector>

namespace rkt::native {

/// Executes this program again, from a sealed copy in memory, unless it is that copy already: then nobody executes it
/// any more.
void become_sealed_copy(const std::string& name, const std::vector<std::string>& args);

}  // namespace rkt::native
