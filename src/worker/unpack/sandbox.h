// SPDX-License-Identifier: Apache-2.0
// Cuts this process off from the host before the first byte of an archive is parsed. Order of events:
//
//   1. detached copies of the directories it was given (open_tree), the lower ones read-only; the originals are closed,
//      since ".." of an original leads to the host
//   2. new mount, network, IPC and UTS namespaces; mounts made private
//   3. an empty tmpfs with the copies attached; trees to pack merged by overlayfs; pivot_root into it; the old root
//      detached
//   4. capabilities dropped to those for files that the request needs, no_new_privs, seccomp, resource limits
//
// What is below a layer comes later (protocol.h): a mount that is attached nowhere, so that ".." of it leads nowhere.
//
// Marking directories opaque needs CAP_SYS_ADMIN (trusted.* attributes). It is not kept for that: rkt sets the marks
// itself on descriptors this process sends (protocol.h). A capability that can mount is not worth a filter that tries
// to contain it.
#pragma once

#include <vector>

#include "sys/dir.h"
#include "sys/fd.h"

namespace rkt::unpack {

/// The directories of a request as seen from inside.
struct Inside {
  DirFd target;  ///< empty: the request has none
  DirFd below;   ///< the lower trees merged; empty: none
};

/// Steps 1 to 3. Without root privilege only what the kernel grants: no directories are copied then.
Inside enter_sandbox(UniqueFd target, std::vector<UniqueFd> lowers);

/// What a request has to do with trees beside its own descriptors: nothing, read those below, or write one of any
/// owner.
enum class Powers { none, read_tree, write_tree };

/// Step 4. After this the process can start threads, but no program.
void drop_privileges(Powers powers);

}  // namespace rkt::unpack
