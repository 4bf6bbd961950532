// SPDX-License-Identifier: Apache-2.0
// What execve takes.
#pragma once

#include <string>
#include <vector>

namespace rkt {

/// The strings as a null-terminated array, which points into them.
inline std::vector<char*> exec_array(std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (auto& s : strings) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace rkt
