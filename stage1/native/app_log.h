// SPDX-License-Identifier: Apache-2.0
// POD/logs/APP: what an app writes, kept in files of limited size (docs/devel/app-streams.md). Written by the outer
// process alone; nothing is synced, nothing is made before there is something to write.
//
//   1 2 3 …   records of schema/cri/log.h; the highest number is written to, and files that are too old are removed
//
// A disk that takes no more never holds an app up: what cannot be written is counted, and the count is a record of its
// own as soon as there is room. A file always ends with a whole record.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "schema/cri/log.h"
#include "stage1/native/kubernetes_log.h"
#include "sys/dir.h"

namespace rkt::native {

struct LogLimits {
  std::uint64_t size = std::uint64_t{10} << 20;  ///< of a file, in bytes
  std::uint32_t files = 5;                       ///< at most this many
  std::uint64_t total() const noexcept { return size > UINT64_MAX / files ? UINT64_MAX : size * files; }
};

class AppLog {
 public:
  using Say = std::function<void(std::string_view)>;
  static constexpr std::size_t kMaxText = std::size_t{16} << 10;  ///< of one record

  /// Borrows POD. `say`: told once that output is being lost. `kubernetes`: gets everything, too.
  AppLog(const DirFd& pod, std::string app, LogLimits limits, Say say,
         std::unique_ptr<KubernetesLog> kubernetes = nullptr);
  AppLog(AppLog&&) = delete;
  /// Keeps what came out of stream 1 or 2. A line that is not whole yet waits for its end, or for kMaxText.
  void take(int stream, std::string_view bytes);
  /// The stream has ended: so has its last line.
  void end(int stream);
  /// Keeps lines that are of no stream: with those of stream 2, or of 1 while 2 is within a line.
  void take_message(std::string_view text);

 private:
  class Batch;
  struct Lost {
    std::uint64_t records = 0, bytes = 0;
    int err = 0;
  };
  void write(std::string_view records, std::uint64_t count);
  int try_write(std::string_view records);
  void open_file(std::size_t wanted);
  void remove_old() const;
  std::string note() const;

  const DirFd& pod_;
  std::string app_;
  LogLimits limits_;
  Say say_;
  std::unique_ptr<KubernetesLog> kubernetes_;
  DirFd dir_;
  UniqueFd file_;
  std::uint64_t number_ = 0, size_ = 0;  // of the file
  std::string unfinished_[2];
  bool within_line_[2] = {};  // the stream's last record was the beginning of a line
  Lost lost_;
};

}  // namespace rkt::native
