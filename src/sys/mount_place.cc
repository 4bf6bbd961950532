// SPDX-License-Identifier: Apache-2.0
#include "sys/mount_place.h"

#include <sys/xattr.h>

namespace rkt {

void mark_place(int fd) noexcept { (void)!::fsetxattr(fd, kPlaceMark, "", 0, 0); }

bool is_place(int fd) noexcept { return ::fgetxattr(fd, kPlaceMark, nullptr, 0) >= 0; }

}  // namespace rkt
