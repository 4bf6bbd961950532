// SPDX-License-Identifier: Apache-2.0
// An app of fly has the caller's terminal itself: its end is rkt's end, so nobody is there who could copy to one of its
// own. Whoever may type on it (TIOCSTI, TIOCLINUX) would have root's shell read that when the app has ended.
#pragma once

#include <linux/filter.h>

#include <vector>

namespace rkt::fly {

/// Both requests of ioctl fail with EPERM, whichever of the kernel's ways to call it is taken. Pure.
std::vector<sock_filter> make_typing_filter();

/// From here on, for this process and what it executes and starts. Needs CAP_SYS_ADMIN, but no no_new_privs, which an
/// app of fly does not have.
void forbid_typing();

}  // namespace rkt::fly
