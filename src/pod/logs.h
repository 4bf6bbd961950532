// SPDX-License-Identifier: Apache-2.0
// What apps of a pod wrote, as stage1 keeps it in POD/logs/APP/N (docs/devel/app-streams.md). Readers take no lock and
// keep pace with files that are removed behind them.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <vector>

#include "pod/watch.h"
#include "schema/cri/log.h"
#include "sys/dir.h"

namespace rkt::pod {

/// One app's log.
class LogReader {
 public:
  /// Borrows POD. Files that were written last before `since` are passed over.
  LogReader(const DirFd& pod, std::string app, std::optional<cri::LogTime> since);
  /// What is there now is what next() gives, until the next call: an app may write faster than anybody reads.
  void look();
  /// The next record; its text is valid until the next call. nullopt: that was all, but there may be more later.
  std::optional<cri::LogRecord> next();
  /// Told when there may be more.
  void watch(const Watch& watch);
  /// Files that were removed before they could be read, since the last call.
  std::uint64_t take_missed() noexcept { return std::exchange(missed_, 0); }

 private:
  struct End {
    std::uint64_t number = 0;  // of the last file
    std::size_t size = 0;      // of it
  };
  bool find_dir();
  std::vector<std::uint64_t> numbers() const;
  bool open_first();
  bool open_next();
  bool open_file(std::uint64_t number);
  std::optional<std::string_view> next_line();

  const DirFd& pod_;
  std::string app_;
  std::optional<cri::LogTime> since_;
  DirFd dir_;
  UniqueFd file_;
  std::uint64_t number_ = 0, missed_ = 0;
  End end_;
  bool last_look_ = false;  // a later file is there: what this one has now is all of it
  std::string buffer_;
  std::size_t at_ = 0, size_ = 0;  // of the lines in buffer_ that are not read yet
  std::size_t offset_ = 0;         // in file_
};

/// The logs of several apps as one, by time.
class PodLogs {
 public:
  struct Entry {
    std::size_t app = 0;  ///< in the order they were given
    cri::LogRecord record;
  };
  PodLogs(const DirFd& pod, const std::vector<std::string>& apps, std::optional<cri::LogTime> since);
  /// As LogReader's.
  void look();
  std::optional<Entry> next();
  std::uint64_t take_missed() noexcept;
  void watch(const Watch& watch);

 private:
  struct Source {
    LogReader reader;
    std::optional<cri::LogRecord> ahead;
  };
  const DirFd& pod_;
  std::list<Source> sources_;
  std::optional<std::size_t> given_;  // whose record was given last
};

}  // namespace rkt::pod
