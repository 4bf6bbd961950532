// SPDX-License-Identifier: Apache-2.0
// Output of several apps on one terminal: whole lines, each with the time and who wrote it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace rkt::native {

/// "[  123.456789] APP[PID]: "
std::string line_prefix(std::chrono::microseconds since_boot, std::string_view app, int pid);

/// Cuts one stream into lines. What is not a whole line yet is kept; a line that never ends is cut at kMaxLine, so that
/// an app cannot make its supervisor grow.
class LineSplitter {
 public:
  static constexpr std::size_t kMaxLine = 8192;

  /// Calls `line` for each complete line, without its newline.
  template <class F>
  void feed(std::string_view bytes, F&& line) {
    while (!bytes.empty()) {
      const auto room = kMaxLine - rest_.size();
      const auto newline = bytes.substr(0, room + 1).find('\n');
      const auto size = newline == std::string_view::npos ? std::min(room, bytes.size()) : newline;
      rest_.append(bytes.substr(0, size));
      bytes.remove_prefix(newline == std::string_view::npos ? size : size + 1);
      if (newline == std::string_view::npos && rest_.size() < kMaxLine) return;
      line(std::string_view(rest_));
      rest_.clear();
    }
  }
  /// The stream has ended: what is left is a line too.
  template <class F>
  void end(F&& line) {
    if (!rest_.empty()) line(std::string_view(rest_));
    rest_.clear();
  }

 private:
  std::string rest_;
};

}  // namespace rkt::native
