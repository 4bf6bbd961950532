// SPDX-License-Identifier: Apache-2.0
// Trees of a pod: found in the store, and attached as the pod's overlays.
#pragma once

#include <string>

#include "store/store.h"
#include "sys/dir.h"
#include "sys/userns.h"
#include "tree/tree.h"

namespace rkt::stage0 {

/// The tree, rendered again from its blobs when a power cut or somebody's hand removed it.
tree::Tree open_tree(store::Store& store, const std::string& id, const tree::Options& options = {});

/// The pod's view of a tree, detached: upper and work below POD/overlay/ID/, for an app below a directory of its name
/// ("" for stage1). `pod` must have been opened in this mount namespace.
UniqueFd mount_for_pod(const tree::Tree& tree, const DirFd& pod, const std::string& app);

/// A pod's range of ids, as a user namespace.
struct PrivateUsers {
  IdRange range;
  UniqueFd user_namespace;
};
/// mount_for_pod(), with the owners of a pod's own users; what is on disk keeps the image's.
UniqueFd mount_for_pod_mapped(const tree::Tree& tree, const DirFd& pod, const std::string& app,
                              const PrivateUsers& users);

}  // namespace rkt::stage0
