// SPDX-License-Identifier: Apache-2.0
#include "sys/signal_name.h"

#include <string.h>

#include <string>

#include "base/strings.h"

namespace rkt {
namespace {

// The C library keeps two for itself; the numbers that programs mean by these names are what is left.
constexpr int kFirstRealTime = 34, kLast = 64;

std::optional<int> in_range(std::optional<int> number) {
  return number && *number >= 1 && *number <= kLast ? number : std::nullopt;
}

// "+3" after RTMIN, "-1" after RTMAX, or nothing.
std::optional<int> offset(int from, std::string_view text, char sign) {
  if (text.empty()) return from;
  const auto n = text.front() == sign ? parse_int<int>(text.substr(1)) : std::nullopt;
  if (!n || *n < 0 || *n > kLast - kFirstRealTime) return std::nullopt;
  return sign == '+' ? from + *n : from - *n;
}

}  // namespace

std::optional<int> parse_signal(std::string_view text) {
  if (const auto number = parse_int<int>(text)) return in_range(number);
  const std::string name = lower(text);
  std::string_view rest = name;
  if (rest.starts_with("sig")) rest.remove_prefix(3);
  if (rest.starts_with("rtmin")) return offset(kFirstRealTime, rest.substr(5), '+');
  if (rest.starts_with("rtmax")) return offset(kLast, rest.substr(5), '-');
  for (int s = 1; s < kFirstRealTime; ++s) {
    const char* known = ::sigabbrev_np(s);
    if (known != nullptr && lower(known) == rest) return s;
  }
  return std::nullopt;
}

}  // namespace rkt
