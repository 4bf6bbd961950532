// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/lines.h"

#include <cstdio>

#include "base/strings.h"

namespace rkt::native {

std::string line_prefix(std::chrono::microseconds since_boot, std::string_view app, int pid) {
  const auto us = since_boot.count();
  char time[48];
  const int n = std::snprintf(time, sizeof time, "[%5lld.%06lld] ", static_cast<long long>(us / 1'000'000),
                              static_cast<long long>(us % 1'000'000));
  return cat(std::string_view(time, static_cast<std::size_t>(n)), app, "[", pid, "]: ");
}

}  // namespace rkt::native
