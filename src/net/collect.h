// SPDX-License-Identifier: Apache-2.0
// GC of networks whose plugins have it (CNI 1.1.0): they are told which attachments are still valid, and give back what
// belongs to others. Only networks of <lcd>/net.d: what is in /etc/cni/net.d other engines use too, and their
// attachments are not known here.
#pragma once

#include <string>
#include <vector>

#include "base/uuid.h"
#include "net/request.h"
#include "net/teardown.h"
#include "sys/dir.h"

namespace rkt::net {

/// An attachment that a pod has not given back.
struct Owned {
  std::string network;
  AttachmentName who;
};
/// Those of one pod.
std::vector<Owned> find_owned(const DirFd& pod, const Uuid& uuid);

/// Runs GC. Valid are `owned()`, which is asked when nobody can attach any more, and everybody whose namespace lives. A
/// network that is being attached to or left right now is passed over. False: a plugin failed, and `report` got why.
bool collect(const std::string& local_config, const std::function<std::vector<Owned>()>& owned, const Report& report);

/// STATUS of a network's plugins: throws what the first that is not ready says. Versions without STATUS: nothing.
void ask_status(const cni::NetworkConfig& config, const std::string& local_config);

}  // namespace rkt::net
