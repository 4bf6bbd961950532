// SPDX-License-Identifier: Apache-2.0
// Performing a plan's mounts. Targets are image-controlled: they are resolved and made inside the app's root by
// descriptor, and a mount is attached to the descriptor that was checked, never to a path.
//
// Everything in the pod's mount namespace is a slave of the host's, or private, so that nothing of a pod's mounts is
// ever left there. What the app itself mounts in a volume is what the host is to see, where it shares the source's
// mount (a kubelet makes the volumes of its pods like that): such a volume is copied in the host's namespace, and so is
// a peer of the host's mount. It stops to be one before anything of this program is mounted in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stage1/fly/plan.h"
#include "sys/dir.h"
#include "sys/mount.h"

namespace rkt::fly {

class AppMounts {
 public:
  /// Borrows both. `host`: the mount namespace in which rkt was called; -1: nothing that the app mounts is seen there.
  AppMounts(const DirFd& root, int host) : root_(root), host_(host) {}
  void apply(const std::vector<MountOp>& plan);
  /// One file or directory of the host.
  void bind(const MountOp& op);

 private:
  struct Peer {
    DetachedMount mount;
    std::uint64_t id;
  };
  void copy_peers(const std::vector<MountOp>& plan);
  DetachedMount copy_source(const MountOp& op);
  void attach(const DetachedMount& mount, int target);

  const DirFd& root_;
  int host_;
  std::vector<std::pair<const MountOp*, DetachedMount>> copied_;  // of `apply`, until they are attached
  std::vector<Peer> peers_;                                       // attached
};

/// Replaces `path` in the root by a regular file with this content; a link there is removed, not followed.
void replace_file(const DirFd& root, const std::string& dir, const std::string& name, std::string_view content);

}  // namespace rkt::fly
