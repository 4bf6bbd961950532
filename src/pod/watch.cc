// SPDX-License-Identifier: Apache-2.0
#include "pod/watch.h"

#include "base/error.h"
#include "base/strings.h"

namespace rkt::pod {

Watch::Watch() : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (fd_) return;
  if (errno != EMFILE && errno != ENFILE) throw Error::from_errno("watch a directory");
  complete_ = false;
}

void Watch::add(int dir, std::uint32_t events) const {
  if (!fd_ || ::inotify_add_watch(fd_.get(), cat("/proc/self/fd/", dir).c_str(), events) >= 0) return;
  if (errno != ENOSPC) throw Error::from_errno("watch a directory");
  complete_ = false;
}

int Watch::wait_ms(int ms) const noexcept {
  constexpr int kLookAgainMs = 100;
  return complete_ || (ms >= 0 && ms < kLookAgainMs) ? ms : kLookAgainMs;
}

void Watch::drain() const {
  char buf[4096];
  while (::read(fd_.get(), buf, sizeof buf) > 0) {
  }
}

}  // namespace rkt::pod
