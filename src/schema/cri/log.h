// SPDX-License-Identifier: Apache-2.0
// The log format of Kubernetes' container runtime interface, one record a line:
//
//   2016-10-06T00:17:09.669794202Z stdout F the text of a line
//   2016-10-06T00:17:09.669794202Z stdout P the beginning of a line that goes on in the next record of its stream
//
// The text has no newline of its own. A stream's bytes are the texts of its records, each F followed by a newline.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rkt::cri {

using LogTime = std::chrono::sys_time<std::chrono::nanoseconds>;

enum class LogTag : char { full = 'F', partial = 'P' };

struct LogRecord {
  LogTime time;
  int stream = 1;  ///< 1 or 2
  LogTag tag = LogTag::full;
  std::string_view text;
};

constexpr std::size_t kTimeSize = 30;                   ///< of the time as log_time() writes it
constexpr std::size_t kPrefixSize = kTimeSize + 1 + 9;  ///< everything before the text
constexpr std::size_t kTagOffset = kPrefixSize - 2;

/// "2016-10-06T00:17:09.669794202Z": always nine digits, always UTC, so that times sort as text.
std::string log_time(LogTime time);
/// Everything before the text.
std::string log_prefix(LogTime time, int stream, LogTag tag);
/// A time of this form with any number of digits behind the point, and "Z" or an offset. nullopt: it is none.
std::optional<LogTime> parse_time(std::string_view text);
/// A line without its newline. nullopt: it is no record.
std::optional<LogRecord> parse_log_line(std::string_view line);

}  // namespace rkt::cri
