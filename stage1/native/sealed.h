// SPDX-License-Identifier: Apache-2.0
// A program that goes into a pod must not be the file that the host executes next time: whoever is root in there could
// open it through /proc/PID/exe and write to it later (CVE-2019-5736).
#pragma once

#include <string>
#include <vector>

namespace rkt::native {

/// Executes this program again, from a sealed copy in memory, unless it is that copy already.
void become_sealed_copy(const std::string& name, const std::vector<std::string>& args);

}  // namespace rkt::native
