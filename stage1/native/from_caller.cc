// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/from_caller.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "stage1/common/inherited.h"
#include "sys/mount.h"

namespace rkt::native {

Inherited Inherited::take() {
  const int lock = stage1::inherited_lock();
  auto sockets = take_passed_sockets(lock);
  const auto fd = static_cast<unsigned>(lock), first = stage1::kFirstPassed + static_cast<unsigned>(sockets.size());
  if ((fd > first && ::syscall(SYS_close_range, first, fd - 1, 0U) < 0) ||
      ::syscall(SYS_close_range, fd + 1, ~0U, 0U) < 0 || ::fcntl(lock, F_SETFD, FD_CLOEXEC) < 0)
    throw Error::from_errno("close inherited descriptors");
  return {.lock = UniqueFd(lock), .sockets = std::move(sockets)};
}

void forbid_own_program(const DirFd& stage1) {
  try {
    DetachedMount::adopt(dup_fd(stage1.get())).restrict(MOUNT_ATTR_NOEXEC);
  } catch (const Error& e) {
    if (e.sys_errno() != EINVAL) throw;
    log::debug("stage1", "the root of stage1 is no mount");
  }
}

}  // namespace rkt::native
