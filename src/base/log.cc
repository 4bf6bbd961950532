// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "base/printable.h"

namespace rkt::log {
namespace {
bool g_debug = false;
}  // namespace

void set_debug(bool on) noexcept { g_debug = on; }
bool debug_on() noexcept { return g_debug; }

void debug(std::string_view component, std::string_view text) noexcept {
  if (g_debug) note(component, text);
}

void note(std::string_view component, std::string_view text) noexcept {
  try {
    std::string line;
    line.reserve(component.size() + text.size() + 3);
    line.append(component).append(": ");
    // Whoever made an image or answers for a registry has a part in what is said.
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find('\n', at), text.size());
      line.append(visible(text.substr(at, end - at))).push_back('\n');
      at = end + 1;
    }
    if (line.back() != '\n') line.push_back('\n');
    (void)!::write(STDERR_FILENO, line.data(), line.size());
  } catch (const std::exception&) {
    (void)!::write(STDERR_FILENO, "out of memory\n", 14);
  }
}

}  // namespace rkt::log
