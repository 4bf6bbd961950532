// SPDX-License-Identifier: Apache-2.0
// Copies what an image has at the place of an empty volume into that volume (reference: pods §6.4).
#pragma once

#include <functional>

#include "sys/dir.h"

namespace rkt::stage1 {

/// `to`, which is empty and nobody else's, gets the mode, owner, extended attributes and times of `from` and everything
/// below it: files with all their names, directories, links, fifos, device nodes. Sockets are left out: nobody listens
/// on them. Links are copied, never followed; other mounts are not entered. Any depth. `go_on` is called before each
/// name, and throws when nobody wants the copy any more.
void copy_tree(const DirFd& from, const DirFd& to, const std::function<void()>& go_on = {});

}  // namespace rkt::stage1
