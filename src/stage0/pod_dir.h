// SPDX-License-Identifier: Apache-2.0
// Names inside a pod directory and small pieces that the parts of stage0 share.
#pragma once

#include <string>

#include "stage0/stage1_call.h"
#include "store/store.h"
#include "sys/dir.h"
#include "tree/tree.h"

namespace rkt::stage0 {

inline constexpr const char* kStage1Rootfs = "stage1/rootfs";

/// DATA of an open store.
std::string data_of(const store::Store& store);
/// The stage1 image that the pod was prepared with; nullopt: removal went past it already.
std::optional<Stage1> find_stage1(const DirFd& pod);
/// Its tree in the store, and the absolute path of an entry point in it: never the pod's own copy.
tree::Tree stage1_tree(const store::Store& store, const DirFd& pod);
std::string entrypoint_in_tree(const store::Store& store, const DirFd& pod, const Stage1& stage1, const std::string& name);
bool uses_overlay(const DirFd& pod);

/// POD/overlay/TREE/{upper,work}[/APP] below fresh mounts: the merged tree, detached. The directories are made when missing; the upper
/// one takes mode and owner of the tree's root, since it becomes the root of the merged tree.
UniqueFd pod_overlay(const DirFd& pod, const tree::Tree& tree, const std::string& app);
/// Attaches a detached mount on a directory.
void attach(const UniqueFd& mount, const DirFd& at);

}  // namespace rkt::stage0
