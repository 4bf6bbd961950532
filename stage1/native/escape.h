// SPDX-License-Identifier: Apache-2.0
// The way out of an interactive pod: ^] three times within a second (reference: pods §7.4). Pure.
#pragma once

#include <chrono>
#include <string_view>

namespace rkt::native {

class EscapeSequence {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Looks at typed bytes; true once the sequence is complete. Any other byte starts it anew.
  bool feed(std::string_view bytes, Time now) noexcept {
    for (const char c : bytes) {
      if (c != kKey) {
        count_ = 0;
        continue;
      }
      if (count_ > 0 && now - first_ >= kWithin) count_ = 0;
      if (count_ == 0) first_ = now;
      if (++count_ == kTimes) return true;
    }
    return false;
  }

 private:
  static constexpr char kKey = 0x1d;
  static constexpr int kTimes = 3;
  static constexpr std::chrono::seconds kWithin{1};
  Time first_{};
  int count_ = 0;
};

}  // namespace rkt::native
