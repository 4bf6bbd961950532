// SPDX-License-Identifier: Apache-2.0
#include "schema/cri/log.h"

#include <array>
#include <cstdio>

#include "base/strings.h"

namespace rkt::cri {
namespace {

using std::chrono::nanoseconds;

// The number in `text` at `at`, of exactly `digits` digits.
std::optional<int> number(std::string_view text, std::size_t at, std::size_t digits) {
  return at + digits <= text.size() ? parse_int<int>(text.substr(at, digits)) : std::nullopt;
}

// YYYY-MM-DDTHH:MM:SS
std::optional<std::chrono::sys_seconds> parse_seconds(std::string_view t) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  if (t.size() < kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < kForm.size(); ++i)
    if (kForm[i] == '0' ? t[i] < '0' || t[i] > '9' : t[i] != kForm[i]) return std::nullopt;
  const auto year = number(t, 0, 4), month = number(t, 5, 2), day = number(t, 8, 2);
  const auto hour = number(t, 11, 2), minute = number(t, 14, 2), second = number(t, 17, 2);
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

// "", "Z", "+01:30" or "-01:30": how far the time is ahead of UTC.
std::optional<std::chrono::minutes> parse_offset(std::string_view t) {
  if (t == "Z") return std::chrono::minutes(0);
  if (t.size() != 6 || (t[0] != '+' && t[0] != '-') || t[3] != ':') return std::nullopt;
  const auto hours = parse_int<unsigned>(t.substr(1, 2)), minutes = parse_int<unsigned>(t.substr(4, 2));
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::chrono::minutes out(*hours * 60 + *minutes);
  return t[0] == '+' ? out : -out;
}

}  // namespace

std::string log_time(LogTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(time - days);
  std::array<char, 64> out{};
  const int n = std::snprintf(out.data(), out.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%09dZ", int(date.year()),
                              unsigned(date.month()), unsigned(date.day()), static_cast<int>(clock.hours().count()),
                              static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
                              static_cast<int>(clock.subseconds().count()));
  return {out.data(), static_cast<std::size_t>(n)};
}

std::string log_prefix(LogTime time, int stream, LogTag tag) {
  return cat(log_time(time), stream == 1 ? " stdout " : " stderr ", static_cast<char>(tag), ' ');
}

std::optional<LogTime> parse_time(std::string_view text) {
  const auto seconds = parse_seconds(text);
  if (!seconds) return std::nullopt;
  text.remove_prefix(19);
  nanoseconds fraction{};
  if (text.starts_with('.')) {
    std::size_t digits = 1;
    std::int64_t unit = 100'000'000;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits, unit /= 10)
      fraction += nanoseconds((text[digits] - '0') * unit);
    if (digits == 1) return std::nullopt;
    text.remove_prefix(digits);
  }
  const auto offset = parse_offset(text);
  if (!offset) return std::nullopt;
  return LogTime(*seconds) + fraction - *offset;
}

std::optional<LogRecord> parse_log_line(std::string_view line) {
  LogRecord out;
  const auto space = line.find(' ');
  if (space == std::string_view::npos || line.size() < space + kPrefixSize - kTimeSize) return std::nullopt;
  const auto time = parse_time(line.substr(0, space));
  const auto stream = line.substr(space + 1, 7);
  const auto tag = line.substr(space + 8, 2);
  if (!time || (stream != "stdout " && stream != "stderr ") || (tag != "F " && tag != "P ")) return std::nullopt;
  out.time = *time;
  out.stream = stream == "stdout " ? 1 : 2;
  out.tag = static_cast<LogTag>(tag[0]);
  out.text = line.substr(space + 10);
  return out;
}

}  // namespace rkt::cri
