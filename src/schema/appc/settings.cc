// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/settings.h"

#include "base/error.h"
#include "base/strings.h"
#include "schema/appc/isolators.h"
#include "schema/appc/pid_mode.h"
#include "schema/appc/restart.h"
#include "sys/signal_name.h"

namespace rkt::appc {

std::int64_t parse_shm_size(std::string_view text) {
  return in_place([] { return std::string("shm-size"); },
                  [&] {
                    const auto size = Quantity::parse(text).value();
                    if (size <= 0) throw Error(Errc::invalid, "the size must be positive");
                    return size;
                  });
}

std::uint64_t parse_log_size(std::string_view text) {
  const auto size =
      in_place([] { return std::string("invalid log size"); }, [&] { return Quantity::parse(text).value(); });
  if (size < 0 || static_cast<std::uint64_t>(size) < kLeastLogSize)
    throw Error(Errc::invalid, cat("invalid log size ", quoted(text), ": the least is 64Ki"));
  return static_cast<std::uint64_t>(size);
}

std::uint32_t parse_log_files(std::string_view text) {
  const auto files = parse_int<std::uint32_t>(text).value_or(0);
  if (files == 0) throw Error(Errc::invalid, cat("invalid number of log files ", quoted(text)));
  return files;
}

void check_stream_mode(std::string_view stream, std::string_view mode) {
  if (mode == "null" || mode == "stream" || mode == "tty" || (mode == "log" && stream != "stdin")) return;
  throw Error(Errc::invalid, cat("invalid ", stream, " mode ", quoted(mode)));
}

void check_setting(const Annotation& annotation) {
  const auto& [name, value] = annotation;
  if (name == kShmSize) return (void)parse_shm_size(value);
  if (!name.starts_with(kAppFlag)) return;
  const std::string_view flag = std::string_view(name).substr(kAppFlag.size());
  if (flag == "stdin" || flag == "stdout" || flag == "stderr")
    check_stream_mode(flag, value);
  else if (flag == "log-size")
    parse_log_size(value);
  else if (flag == "log-files")
    parse_log_files(value);
  else if (flag == "restart")
    parse_restart(value);
  else if (flag == "pid")
    parse_pid_mode(value);
  else if (flag == "stop-signal" && !parse_signal(value))
    throw Error(Errc::invalid, cat(quoted(value), " is no signal"));
}

}  // namespace rkt::appc
