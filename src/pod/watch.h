// SPDX-License-Identifier: Apache-2.0
// inotify on directories that are open.
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
  int fd() const noexcept { return fd_.get(); }  ///< readable when something has happened
  void drain() const;

 private:
  UniqueFd fd_;
};

}  // namespace rkt::pod
