// SPDX-License-Identifier: Apache-2.0
#include "sys/start.h"

#include <fcntl.h>

#include <csignal>

#include "base/error.h"

namespace rkt {

void start_clean() {
  for (int fd = 0; fd < 3; ++fd)
    // NOLINTNEXTLINE(android-cloexec-open): a standard stream
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) throw Error::from_errno("open \"/dev/null\"");
  ::signal(SIGCHLD, SIG_DFL);
}

}  // namespace rkt
