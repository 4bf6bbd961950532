// SPDX-License-Identifier: Apache-2.0
// Roots of apps below the root of stage1, S1/opt/stage2/APP. Call in the mount namespace that the pod lives in.
#pragma once

#include <string>

#include "stage0/trees.h"
#include "store/store.h"
#include "sys/dir.h"
#include "tree/tree.h"

namespace rkt::stage0 {

/// How an app's root is made: from trees of which form, and whose the files appear to be (nullptr: the host's).
struct RootForm {
  tree::Options trees;
  const PrivateUsers* users = nullptr;
};
/// Writes the manifest that stage1 reads and attaches the app's overlay, from what POD/appsinfo/APP says.
void attach_app(store::Store& store, const DirFd& pod, const DirFd& root, const std::string& app, const RootForm& form);

struct AppRequest;
/// The same without an overlay: a copy of the tree of the image.
void copy_app(store::Store& store, const AppRequest& request, const DirFd& root, const std::string& app);

/// Keeps those who may read the pod from copied roots: apps may have made set-user-ID programs there.
void close_app_roots(const DirFd& root);

/// etc/mtab in an app that has a directory etc and no mtab.
void add_mtab(const DirFd& root, const std::string& app);

/// Undoes attach_app() and copy_app(), files included; repeatable. Nothing of the app runs.
void remove_app_root(const DirFd& pod, const DirFd& root, const std::string& app);

}  // namespace rkt::stage0
