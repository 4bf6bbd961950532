// SPDX-License-Identifier: Apache-2.0
#include "sys/fd.h"

#include <fcntl.h>

#include "base/error.h"

namespace rkt {

Pipe Pipe::make() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) throw Error::from_errno("make a pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

UniqueFd dup_fd(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw Error::from_errno("duplicate a descriptor");
  return UniqueFd(copy);
}

void keep_across_exec(int fd) {
  if (::fcntl(fd, F_SETFD, 0) < 0) throw Error::from_errno("keep a descriptor across exec");
}

}  // namespace rkt
