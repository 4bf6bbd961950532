// SPDX-License-Identifier: Apache-2.0
// Copies what an image has at the place of an implicit volume into that volume (reference: pods §6.4).
#pragma once

#include "sys/dir.h"

namespace rkt::native {

/// `to` gets the mode, owner and times of `from` and everything below it: files, directories, links, fifos, device
/// nodes. Sockets are left out: nobody listens on them. Links are copied, never followed; other mounts are not entered.
void copy_tree(const DirFd& from, const DirFd& to);

}  // namespace rkt::native
