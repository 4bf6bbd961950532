// SPDX-License-Identifier: Apache-2.0
// Entering with another image's file system (docs/devel/stage1-native.md): tools for an app that has none.
#pragma once

#include <string>

#include "sys/fd.h"

namespace rkt::native {

/// Call in the app's namespaces, as the one who enters. `tree`: a detached, read-only mount that has the places that it
/// needs (src/stage0/enter.cc). It becomes "/" of a mount namespace of this process's own, the app's root is at
/// /rkt/app, its /dev, /proc and /sys are in place as the app has them; `context`: SELinux's, of its /tmp. Gone with
/// the last process in it.
void take_debug_root(UniqueFd tree, const std::string& context);

}  // namespace rkt::native
