// SPDX-License-Identifier: Apache-2.0
// The one exception type of the project. Failure throws Error; absence is std::optional; an outcome the caller must
// branch on is an enum. Context is added on the way up, innermost frame first, and main prints the whole once.
#pragma once

#include <cerrno>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rkt {

/// What a caller may branch on. Everything finer is text.
enum class Errc : std::uint8_t {
  usage,
  not_found,
  busy,
  invalid,
  untrusted,
  unsupported,
  denied,
  network,
  system,
  bug
};

class Error final : public std::exception {
 public:
  static constexpr int kUsualStatus = 254;

  /// `cause`: what was being done and to what, lower case, no full stop. `sys_errno`, when not 0, is appended as text.
  Error(Errc code, std::string cause, int sys_errno = 0);
  /// A system call failed: `doing` names the action and the object (open "/x"). The code is derived from the errno.
  static Error from_errno(std::string_view doing, int err = errno);

  void push(std::string doing);       ///< adds an outer frame
  void add(const Error& other);       ///< what else went wrong: a part of the cause, too
  Error& at(std::string_view place);  ///< puts where the fault is (a file, "apps[1]") before the cause
  Error& hint(std::string remedy);    ///< what the user can do about it; printed after the cause
  Error& with_errno(int err);         ///< of an error whose text has it already (it came from another process)
  Error& exit_with(int status);       ///< for the few commands whose contract is not 254

  Errc code() const noexcept { return code_; }
  int sys_errno() const noexcept { return errno_; }
  bool disk_full() const noexcept { return errno_ == ENOSPC || errno_ == EDQUOT; }
  int exit_code() const noexcept { return exit_code_; }
  const std::string& cause() const noexcept { return frames_.front(); }
  const std::string& remedy() const noexcept { return hint_; }
  /// One line: "outermost frame: root cause; remedy" (the reference drops the frames between; so do we).
  std::string brief() const;
  /// --debug: outermost first, each deeper frame on a line of its own behind "└─".
  std::string tree() const;
  const char* what() const noexcept override { return frames_.front().c_str(); }

 private:
  Errc code_;
  int errno_;
  int exit_code_ = kUsualStatus;
  std::vector<std::string> frames_;  // innermost first
  std::string hint_;
};

/// Runs `body`; when it throws Error, adds the frame that `describe()` builds (only then).
template <class Describe, class Body>
decltype(auto) in_context(Describe&& describe, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (Error& e) {
    e.push(describe());
    throw;
  }
}

/// The same for a place, which is a part of the cause: brief() shows it whatever frames come on top.
template <class Describe, class Body>
decltype(auto) in_place(Describe&& describe, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (Error& e) {
    e.at(describe());
    throw;
  }
}

}  // namespace rkt
