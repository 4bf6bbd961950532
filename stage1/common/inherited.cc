// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/inherited.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::stage1 {

int inherited_lock() {
  const auto fd = parse_int<int>(env("RKT_LOCK_FD").value_or(""));
  if (!fd || *fd < 3 || ::fcntl(*fd, F_GETFD) < 0) throw Error(Errc::usage, "RKT_LOCK_FD names no open descriptor");
  return *fd;
}

int passed_descriptors() {
  if (parse_int<pid_t>(env("LISTEN_PID").value_or("")) != ::getpid()) return 0;
  return std::max(parse_int<int>(env("LISTEN_FDS").value_or("")).value_or(0), 0);
}

}  // namespace rkt::stage1
