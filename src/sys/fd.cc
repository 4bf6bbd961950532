// SPDX-License-Identifier: Apache-2.0
#include "sys/fd.h"

#include <fcntl.h>
#include <poll.h>

#include <chrono>

#include "base/error.h"
#include "base/strings.h"

namespace rkt {

Pipe Pipe::make() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) throw Error::from_errno("make a pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool wait_for_byte(int fd, int patience) {
  using std::chrono::milliseconds, std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + milliseconds(patience);
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    pollfd p{fd, POLLIN, 0};
    const int ready = ::poll(&p, 1, patience < 0 ? -1 : left < 0 ? 0 : static_cast<int>(left));
    if (ready == 0) throw Error(Errc::system, cat("no answer within ", patience / 1000, " s"));
    char byte = 0;
    const ssize_t n = ready < 0 ? -1 : ::read(fd, &byte, 1);
    if (n >= 0) return n == 1;
    if (errno != EINTR) throw Error::from_errno("wait for another process");
  }
}

UniqueFd dup_fd(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw Error::from_errno("duplicate a descriptor");
  return UniqueFd(copy);
}

UniqueFd reopen_fd(int fd, int flags) { return UniqueFd(::open(cat("/proc/self/fd/", fd).c_str(), flags | O_CLOEXEC)); }

void keep_across_exec(int fd) {
  if (::fcntl(fd, F_SETFD, 0) < 0) throw Error::from_errno("keep a descriptor across exec");
}

}  // namespace rkt
