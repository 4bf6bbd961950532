// SPDX-License-Identifier: Apache-2.0
// What of the caller's crosses into stage1: the pod's lock, passed sockets, and the program that was executed.
#pragma once

#include <vector>

#include "stage1/native/sockets.h"
#include "sys/dir.h"

namespace rkt::native {

/// The pod's lock stays open in this process and in init; everything else that was left open is closed, since init
/// never executes anything.
struct Inherited {
  UniqueFd lock;
  std::vector<PassedSocket> sockets;
  /// Throws when there is no lock.
  static Inherited take();
};

/// The kernel follows links like /proc/self/exe wherever it executes something, as the interpreter of a script, too,
/// and after every check. In a process on its way to be an app they lead to this program: from here on nobody executes
/// it where it was executed. S1 is no mount when stage0 made it none.
void forbid_own_program(const DirFd& stage1);

}  // namespace rkt::native
