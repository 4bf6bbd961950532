// SPDX-License-Identifier: Apache-2.0
// Trees of a pod: found in the store, and attached as the pod's overlays.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pod/pod.h"
#include "store/store.h"
#include "sys/dir.h"
#include "sys/userns.h"
#include "tree/kept_mounts.h"
#include "tree/tree.h"

namespace rkt::stage0 {

/// Of the store, for all trees of a pod: each holds descriptors. nullptr: none are needed.
using SharedKept = std::shared_ptr<const tree::KeptMounts>;
struct PodTree {
  tree::Tree tree;
  SharedKept kept;  ///< for mount_files()
};
/// Whether this process has just looked whether the tree was changed: not twice for one start.
enum class Looked : bool { not_yet, already };
/// The tree, rendered again from its blobs when a power cut or somebody's hand removed it. Call before a mount
/// namespace is entered, so that mounts are found that are kept. Copies of them are taken when they are attached, so
/// that the layers of one tree are open at a time.
/// `kept`: those of the pod's other trees, set by the first that needs them.
PodTree open_tree(store::Store& store, const std::string& id, const tree::Options& options = {},
                  Looked looked = Looked::not_yet, SharedKept* kept = nullptr);

/// The tree of a pod's stage1, which is not rendered again.
PodTree open_stage1_tree(const store::Store& store, const pod::Pod& pod);

/// Attaches the files of the tree in this mount namespace, where they are not yet.
void mount_files(const PodTree& tree);

/// The pod's view of a tree, detached: upper and work below POD/overlay/ID/, for an app below a directory of its name
/// ("" for stage1). `pod` must have been opened in this mount namespace. `context`: SELinux's, of all files.
/// `places`: directories that will be made or written to (relative, no links). Most of them are made in the upper
/// directory already: by way of the mount one costs more, and one that the image has is copied there first.
UniqueFd mount_for_pod(const PodTree& tree, const DirFd& pod, const std::string& app, const std::string& context,
                       const std::vector<std::string>& places = {});
/// That of stage1, at POD/stage1/rootfs.
void attach_stage1(const PodTree& tree, const DirFd& pod, const std::string& context,
                   const std::vector<std::string>& places = {});
/// The same in memory, but for rkt/, whose files are where mount_for_pod() keeps them: nothing else has to outlive the
/// pod. As root of the host, without contexts of SELinux.
void attach_volatile_stage1(const PodTree& tree, const DirFd& pod, const std::vector<std::string>& places);
/// What stage1 sees of the tree and of its own files in a pod that has ended, read-only: takes nothing of a full disk.
UniqueFd mount_as_left(const PodTree& tree, const std::string& pod_path);

/// A pod's range of ids, as a user namespace.
struct PrivateUsers {
  IdRange range;
  UniqueFd user_namespace;
};
/// mount_for_pod(), with the owners of a pod's own users; what is on disk keeps the image's.
UniqueFd mount_for_pod_mapped(const PodTree& tree, const DirFd& pod, const std::string& app, const PrivateUsers& users,
                              const std::string& context);

}  // namespace rkt::stage0
