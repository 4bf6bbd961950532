// SPDX-License-Identifier: Apache-2.0
// Every mount of an app, in order: pure (reference: pods §4.3, §4.7, §6.5). app_mounts.h performs them.
#pragma once

#include <string>
#include <vector>

#include "stage1/native/volumes.h"

namespace rkt::native {

struct MountOp {
  enum class Kind {
    proc,       ///< the pod's, without device nodes and set-user-ID
    sys,        ///< likewise; read-only unless `writable`
    dev,        ///< a small file system with the standard nodes
    pts,        ///< the pod's terminals
    shm,        ///< the pod's shared memory
    mqueue,     ///< the pod's message queues
    console,    ///< the pod's first terminal
    read_only,  ///< what is at `target`, once more, read-only; nothing there: nothing done
    hide,       ///< something empty on `target`; nothing there: nothing done. `writable`: until all is mounted
    bind,       ///< `source`: absolute on the host, else below POD
    hostname,   ///< the kernel's host name as a file
    link,       ///< a symbolic link `target` in /dev, whose text is `source`
  } kind;
  std::string target;
  std::string source = {};
  bool recursive = false, writable = false;
  bool operator==(const MountOp&) const = default;
};

struct MountInput {
  const std::vector<VolumeMount>& volumes;
  std::string_view app = {};     ///< its name
  bool protect_paths = true;     ///< off with --insecure-options=paths
  bool console = false;          ///< the app has a terminal
  std::vector<MountOp> files{};  ///< hosts and resolv.conf, decided by etc_files.h; last, on top of volumes
};

/// Volumes on /proc and below are left out: the pod's own lies over them, as in the reference.
std::vector<MountOp> plan_mounts(const MountInput& in);

/// Where the files of an empty volume are, relative to POD. Implicit ones have a place of their own: their names are
/// made up and may be those of others.
std::string volume_backing(const VolumeMount& mount, std::string_view app);

}  // namespace rkt::native
