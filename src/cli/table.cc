// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <time.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"

namespace rkt::cli {
namespace {

std::size_t runes(std::string_view s) {
  return static_cast<std::size_t>(
      std::count_if(s.begin(), s.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

struct Unit {
  std::string_view name;
  double nanoseconds;
};
// Longest names first where one begins like another.
constexpr Unit kUnits[] = {{"ns", 1},   {"us", 1e3}, {"µs", 1e3}, {"μs", 1e3},
                           {"ms", 1e6}, {"s", 1e9},  {"m", 6e10}, {"h", 3.6e12}};

std::string plural(std::int64_t n, std::string_view unit, std::string_view direction) {
  return cat(n, " ", unit, n == 1 ? "" : "s", " ", direction);
}

}  // namespace

std::string table(const std::vector<Row>& rows) {
  std::vector<Row> texts = rows;
  for (auto& row : texts)
    for (auto& cell : row) cell = printable(cell);
  return table_as_is(texts);
}

std::string table_as_is(const std::vector<Row>& rows) {
  std::vector<std::size_t> width;
  for (const auto& row : rows) {
    // The last cell of a row does not widen its column: nothing stands behind it.
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      if (width.size() <= i) width.push_back(0);
      width[i] = std::max(width[i], (runes(row[i]) + 1 + 7) / 8 * 8);
    }
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 == row.size()) break;
      out.append((width[i] - runes(row[i]) + 7) / 8, '\t');
    }
    out.push_back('\n');
  }
  return out;
}

std::string absolute_time(TimePoint t, std::size_t digits) {
  const auto ns = t.time_since_epoch().count();
  if (ns == 0) return "0001-01-01 00:00:00 +0000 UTC";
  const time_t seconds = static_cast<time_t>(ns / 1'000'000'000);
  tm local{};
  ::localtime_r(&seconds, &local);
  char date[32], zone[32];
  if (::strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &local) == 0) return "";
  if (::strftime(zone, sizeof zone, " %z %Z", &local) == 0) return "";
  std::string fraction = cat(1'000'000'000 + ns % 1'000'000'000).substr(1, digits);
  while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  return cat(date, fraction.empty() ? "" : ".", fraction, zone);
}

std::string relative_time(TimePoint t, TimePoint now) {
  if (t.time_since_epoch().count() == 0) return "a long while ago";
  auto s = std::chrono::duration_cast<std::chrono::seconds>(now - t).count();
  const std::string_view direction = s < 0 ? "from now" : "ago";
  if (s < 0) s = -s;
  constexpr std::int64_t kMinute = 60, kHour = 3600, kDay = 86400, kWeek = 7 * kDay, kMonth = 30 * kDay,
                         kYear = 360 * kDay;
  if (s < 1) return "now";
  if (s < kMinute) return plural(s, "second", direction);
  if (s < kHour) return plural(s / kMinute, "minute", direction);
  if (s < kDay) return plural(s / kHour, "hour", direction);
  if (s < kWeek) return plural(s / kDay, "day", direction);
  if (s < kMonth) return plural(s / kWeek, "week", direction);
  if (s < kYear) return plural(s / kMonth, "month", direction);
  if (s < kYear * 3 / 2) return cat("1 year ", direction);
  if (s < kYear * 2) return cat("2 years ", direction);
  if (s < kYear * 37) return plural(s / kYear, "year", direction);
  return cat("a long while ", direction);
}

std::string short_size(std::uint64_t bytes) {
  static constexpr std::string_view kSuffix[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 10) return cat(bytes, "B");
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kSuffix); ++unit) value /= 1024;
  const auto tenths = static_cast<std::uint64_t>(std::floor(value * 10 + 0.5));
  if (tenths < 100) return cat(tenths / 10, ".", tenths % 10, kSuffix[unit]);
  return cat(static_cast<std::uint64_t>(std::floor(static_cast<double>(tenths) / 10 + 0.5)), kSuffix[unit]);
}

std::uint64_t parse_size(const std::string& text) {
  static constexpr std::string_view kUnits = "KMGTPE";
  const auto bad = [&] { return Error(Errc::usage, cat("bad size ", quoted(text))); };
  double number = 0;
  const auto r = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (r.ec != std::errc{} || text.starts_with('-')) throw bad();
  std::string_view unit(r.ptr, static_cast<std::size_t>(text.data() + text.size() - r.ptr));
  if (!unit.empty() && kUnits.contains(unit[0])) {
    number = std::ldexp(number, 10 * static_cast<int>(kUnits.find(unit[0]) + 1));
    unit.remove_prefix(1);
    if (unit.starts_with('i')) unit.remove_prefix(1);
  }
  if ((!unit.empty() && unit != "B") || !(number < 9.2e18)) throw bad();
  return static_cast<std::uint64_t>(number);
}

std::chrono::nanoseconds parse_duration(const std::string& text) {
  const auto bad = [&] { return Error(Errc::usage, cat("time: invalid duration ", quoted(text))); };
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return std::chrono::nanoseconds(0);
  if (rest.empty()) throw bad();
  double total = 0;
  while (!rest.empty()) {
    const auto end = rest.find_first_not_of("0123456789.");
    const auto digits = rest.substr(0, end);
    double number = 0;
    const auto r = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.empty() || digits == "." || r.ec != std::errc{} || r.ptr != digits.data() + digits.size()) throw bad();
    rest.remove_prefix(digits.size());
    const Unit* unit = nullptr;
    for (const auto& u : kUnits)
      if (rest.starts_with(u.name) && (unit == nullptr || u.name.size() > unit->name.size())) unit = &u;
    if (unit == nullptr) {
      const auto word = rest.substr(0, rest.find_first_of("0123456789."));
      throw Error(Errc::usage, cat("time: ", word.empty() ? "missing unit" : cat("unknown unit ", quoted(word)),
                                   " in duration ", quoted(text)));
    }
    rest.remove_prefix(unit->name.size());
    total += number * unit->nanoseconds;
  }
  if (total > 9.2e18) throw bad();
  const auto ns = static_cast<std::int64_t>(std::llround(total));
  return std::chrono::nanoseconds(negative ? -ns : ns);
}

std::string duration_text(std::chrono::nanoseconds d) {
  auto ns = d.count();
  if (ns == 0) return "0s";
  std::string out = ns < 0 ? "-" : "";
  if (ns < 0) ns = -ns;
  const auto fraction = [](std::int64_t whole, std::int64_t part, std::int64_t scale) {
    std::string digits = cat(scale + part).substr(1);
    while (!digits.empty() && digits.back() == '0') digits.pop_back();
    return digits.empty() ? cat(whole) : cat(whole, ".", digits);
  };
  if (ns < 1'000) return cat(out, ns, "ns");
  if (ns < 1'000'000) return cat(out, fraction(ns / 1'000, ns % 1'000, 1'000), "µs");
  if (ns < 1'000'000'000) return cat(out, fraction(ns / 1'000'000, ns % 1'000'000, 1'000'000), "ms");
  const auto seconds = ns / 1'000'000'000;
  if (seconds >= 3600) out += cat(seconds / 3600, "h");
  if (seconds >= 60) out += cat(seconds / 60 % 60, "m");
  return cat(out, fraction(seconds % 60, ns % 1'000'000'000, 1'000'000'000), "s");
}

}  // namespace rkt::cli
