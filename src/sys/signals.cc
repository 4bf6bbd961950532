// SPDX-License-Identifier: Apache-2.0
#include "sys/signals.h"

#include <sys/signalfd.h>

#include <csignal>

#include "base/error.h"

namespace rkt {

UniqueFd end_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) throw Error::from_errno("block signals");
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC));
  if (!fd) throw Error::from_errno("wait for signals");
  return fd;
}

}  // namespace rkt
