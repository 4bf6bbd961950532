// SPDX-License-Identifier: Apache-2.0
// Tab-aligned tables, times, sizes and durations as the reference prints them (cli §3.4, 3.5).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace rkt::cli {

using Row = std::vector<std::string>;
constexpr std::size_t kMaxName = 256;  ///< bytes of an image's name and version in a table
/// Cells padded with TABs to tab stops of 8; the last cell of a row is never padded; every row ends with a newline.
/// Cells are made printable() (base/printable.h): no text of an image adds columns, rows or control characters.
std::string table(const std::vector<Row>& rows);
/// The same for texts of our own, which may hold tabs.
std::string table_as_is(const std::vector<Row>& rows);

using TimePoint = std::chrono::sys_time<std::chrono::nanoseconds>;
/// 2006-01-02 15:04:05.999 -0700 MST, local zone; epoch 0 = unset. `digits`: of the second's fraction, at most.
std::string absolute_time(TimePoint t, std::size_t digits = 3);
std::string relative_time(TimePoint t, TimePoint now);  ///< "2 minutes ago"
std::string short_size(std::uint64_t bytes);            ///< 1.5MiB
/// "1.5GiB", "10G" (binary, too), "4096"; throws Errc::usage: bad size "x".
std::uint64_t parse_size(const std::string& text);
std::chrono::nanoseconds parse_duration(const std::string& text);  ///< Go notation; throws: time: invalid duration "x"
std::string duration_text(std::chrono::nanoseconds d);             ///< 30m0s

}  // namespace rkt::cli
