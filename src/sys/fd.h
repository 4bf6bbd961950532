// SPDX-License-Identifier: Apache-2.0
// UniqueFd: the owner of a file descriptor. Every descriptor is close-on-exec from birth; a raw int is only ever
// borrowed.
#pragma once

#include <unistd.h>

#include <utility>

namespace rkt {

class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& o) noexcept {
    if (this != &o) reset(std::exchange(o.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  UniqueFd read_end, write_end;
  static Pipe make();  ///< both ends close-on-exec; throws
};

/// Waits for the one byte with which another process says that it is done. False: it closed without. Throws
/// "no answer within N s" after `patience`, in milliseconds; -1: none.
bool wait_for_byte(int fd, int patience = -1);

/// A second descriptor for the same open file, close-on-exec. Throws.
UniqueFd dup_fd(int fd);

/// A new open file of what `fd` is open on, which may be by O_PATH: no name is looked up again. close-on-exec. Empty,
/// with errno, when the caller may not open it so; as without /proc.
UniqueFd reopen_fd(int fd, int flags);

/// The one deliberate way to let a descriptor cross the next exec.
void keep_across_exec(int fd);

}  // namespace rkt
