// SPDX-License-Identifier: Apache-2.0
// Roots of apps below the root of stage1, S1/opt/stage2/APP. Call in the mount namespace that the pod lives in.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "stage0/trees.h"
#include "store/store.h"
#include "sys/dir.h"
#include "tree/tree.h"

namespace rkt::stage0 {

std::string app_place(const std::string& app);  ///< of its root, in S1

/// The tree that POD/appsinfo/APP names.
PodTree open_app_tree(store::Store& store, const DirFd& pod, const std::string& app, const tree::Options& options,
                      Looked looked, SharedKept& kept);

/// The app's overlay, detached; with `users` its files appear to be theirs. Any thread may make it.
UniqueFd make_app_mount(const DirFd& pod, const std::string& app, const PodTree& tree,
                        const PrivateUsers* users = nullptr);

/// Writes the manifest that stage1 reads and attaches the app's overlay.
void attach_app(const DirFd& pod, const DirFd& root, const std::string& app, const UniqueFd& mount);

/// What S1/rkt/status has of an app's run, behind the app's name; and what is behind that while the app is being
/// started again.
inline constexpr std::array<const char*, 4> kRunSuffixes{"", "-started", ".oom-killed", ".restarts"};
inline constexpr std::string_view kAside = ".before";

struct AppRequest;
/// The same without an overlay: a copy of the tree of the image.
void copy_app(store::Store& store, const AppRequest& request, const DirFd& root, const std::string& app);

/// Keeps those who may read the pod from copied roots: apps may have made set-user-ID programs there.
void close_app_roots(const DirFd& root);

/// The app's root as it is attached or copied.
DirFd app_files(const DirFd& root, const std::string& app);

/// etc/mtab in an app that has a directory etc and no mtab.
void add_mtab(const DirFd& root, const std::string& app);

/// Undoes attach_app() and copy_app(), files included; repeatable. Nothing of the app runs.
void remove_app_root(const DirFd& pod, const DirFd& root, const std::string& app);

}  // namespace rkt::stage0
