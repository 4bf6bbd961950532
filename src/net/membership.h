// SPDX-License-Identifier: Apache-2.0
// Who is attached to a network whose plugins collect (GC, since CNI 1.1.0): what a list of valid attachments must not
// leave out, whichever data directory a pod is of.
//
//   /run/rkt/networks/NAME/lock
//       flock: shared while an attachment is made or removed, exclusive while plugins collect
//   /run/rkt/networks/NAME/ID IFNAME
//       its content: the path of the pod's network namespace
//
// Nothing of it outlives a reboot, as no attachment does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/request.h"
#include "sys/dir.h"
#include "sys/lock.h"

namespace rkt::net {

class Membership {
 public:
  static Membership share(const std::string& network);  ///< waits while plugins collect
  static std::optional<Membership> try_alone(const std::string& network);

  static bool is_known(const std::string& network);  ///< somebody has shared it since the host was booted

  void enter(const AttachmentName& who, const std::string& netns) const;
  void leave(const AttachmentName& who) const;
  /// Those whose network namespace is pinned; the others' entries are removed.
  std::vector<AttachmentName> living() const;

 private:
  Membership(DirFd dir, KeyLock lock) : dir_(std::move(dir)), lock_(std::move(lock)) {}
  DirFd dir_;
  KeyLock lock_;
};

}  // namespace rkt::net
