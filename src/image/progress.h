// SPDX-License-Identifier: Apache-2.0
// Showing transfers on stderr (reference: images §3.6): a bar redrawn on a terminal, a line per refresh elsewhere, or
// one JSON object a line for programs (--progress=json).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "image/fetch_client.h"

namespace rkt::image {

/// A sink for any number of transfers at once, told apart by their labels; it limits how often it prints by itself.
OnProgress progress_printer(bool json);

/// "3.25 MB": decimal units, three significant digits.
std::string size_text(std::uint64_t bytes);

/// What progress_printer() prints, and when: with a clock and an output of the caller's.
class ProgressView {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Form : std::uint8_t { terminal, lines, json };
  struct Window {
    std::size_t columns = 80, rows = 24;
  };

  ProgressView(Form form, std::function<void(std::string_view)> write, std::function<Window()> window)
      : form_(form), write_(std::move(write)), window_(std::move(window)) {}
  void show(const Progress& progress, Clock::time_point now);

 private:
  struct Transfer {
    std::string label;
    std::uint64_t done = 0, total = 0;
    bool finished = false, printed = false;
    std::uint64_t first_done = 0;  // where the rate begins to count: after what was resumed
    Clock::time_point started{}, refreshed{};
  };
  Transfer& transfer_of(const Progress& progress, Clock::time_point now);
  void redraw(Clock::time_point now);
  void print_line(const Transfer& t);
  void print_json(const Transfer& t, Clock::time_point now);
  static std::string bar(const Transfer& t, Clock::time_point now, std::size_t columns);

  Form form_;
  std::function<void(std::string_view)> write_;
  std::function<Window()> window_;
  std::vector<Transfer> transfers_;  // in the order in which they began; without those that are over
  std::size_t drawn_ = 0;            // lines above the cursor that are ours to redraw
  Clock::time_point drawn_at_{};
};

}  // namespace rkt::image
