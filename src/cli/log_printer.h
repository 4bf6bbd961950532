// SPDX-License-Identifier: Apache-2.0
// Records of logs as lines on the standard stream that they came from, in the order they are added.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "cli/env.h"
#include "pod/logs.h"

namespace rkt::cli {

class LogPrinter {
 public:
  struct Style {
    bool timestamps = false;
    std::vector<std::string> apps;      ///< with several, each line begins with its app's
    std::optional<std::uint64_t> tail;  ///< only the last lines of what comes before end_tail()
    bool raw = false;                   ///< what goes to a terminal, too, as it was written
  };
  LogPrinter(Env& env, Style style);
  void add(const pod::PodLogs::Entry& entry);
  /// Prints what was held back; from here on every line is printed.
  void end_tail();
  void say_missed(std::uint64_t files);
  void flush();
  /// Nothing follows: prints also what waited for the rest of a character.
  void end();

 private:
  struct Line {
    std::size_t app = 0;
    int stream = 1;
    cri::LogTime time;
    std::string text;
    bool whole = false;
  };
  void hold(const pod::PodLogs::Entry& entry);
  void print(const Line& part);
  void put(const Line& part);

  Env& env_;
  Style style_;
  std::optional<std::uint64_t> holding_;
  std::deque<Line> held_;
  bool escape_[2];                                     // per stream: it is a terminal, which an app gives no orders
  std::optional<std::size_t> open_[2];                 // whose line the last bytes of a stream are the beginning of
  std::map<std::pair<std::size_t, int>, Line> rests_;  // by app and stream: what a part ended within
  Charset charset_;                                    // of the terminals
  int stream_ = 1;                                     // of pending_
  std::string pending_;
};

}  // namespace rkt::cli
