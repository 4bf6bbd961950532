// SPDX-License-Identifier: Apache-2.0
// inotify on directories that are open. Its instances and watches are few, and any root on the host, a pod's too, can
// use them up: then nothing is watched, and who waits looks now and then.
#pragma once

#include <sys/inotify.h>

#include <cstdint>

#include "sys/fd.h"

namespace rkt::pod {

class Watch {
 public:
  Watch();
  /// Adding a directory again changes nothing.
  void add(int dir, std::uint32_t events) const;
  int fd() const noexcept { return fd_.get(); }  ///< readable when something has happened; -1: nothing is watched
  /// How long to wait for fd() at most: `ms`, or less where not everything is watched.
  int wait_ms(int ms) const noexcept;
  void drain() const;

 private:
  UniqueFd fd_;
  mutable bool complete_ = true;
};

}  // namespace rkt::pod
