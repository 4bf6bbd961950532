// SPDX-License-Identifier: Apache-2.0
// Pseudo terminals of a pod's own devpts, and the user's terminal in raw mode.
#pragma once

#include <termios.h>

#include <optional>
#include <string>

#include "sys/fd.h"

namespace rkt {

struct Pty {
  UniqueFd master;
  UniqueFd slave;
  /// A new pair of the devpts that `devpts` is the root directory of. The name is never used: who owns the directory
  /// cannot put something else there. Throws when it is no devpts.
  static Pty make(int devpts);
};

bool is_terminal(int fd);

/// The name of the caller's terminal for a program that gets one: what TERM says (`named`) if that looks like a name of
/// terminfo's, else "vt100".
std::string terminal_type(const std::optional<std::string>& named);
std::string terminal_type();  ///< by this process's TERM

/// Gives `to` the window size of `from`. Quiet: not every terminal has one.
void copy_window_size(int from, int to);

/// While it lives, a terminal passes every byte as it is. The old settings come back afterwards.
class RawMode {
 public:
  explicit RawMode(int terminal);  ///< borrowed
  ~RawMode();
  RawMode(RawMode&&) = delete;
  void release() noexcept { terminal_ = -1; }  ///< the settings stay

 private:
  int terminal_;
  termios before_{};
};

}  // namespace rkt
