// SPDX-License-Identifier: Apache-2.0
// What keeps an app of a mutable pod from starting, as far as it can be seen before: for whoever adds it.
#pragma once

#include "stage1/native/plan.h"
#include "sys/dir.h"

namespace rkt::native {

/// Throws with what the start would say: a volume's source, the working directory or the program that is not there, a
/// program that cannot be executed. `root`: the app's own files. What a volume or the kernel's file systems will cover
/// is not looked for.
void check_startable(const AppPlan& app, const DirFd& root);

}  // namespace rkt::native
