// SPDX-License-Identifier: Apache-2.0
// Whether the trees of a pod can be shown through overlays; else they are copied.
#pragma once

#include <optional>

#include "stage0/stage0.h"
#include "stage0/users.h"

namespace rkt::stage0 {

/// By what was asked for, the kernel, the file system of the pod's directory `pod`, and whether owners can be mapped
/// for `users`. Says why where it cannot although it was asked for. Renders stage1 where there are `users`.
bool can_overlay(store::Store& store, const DirFd& pod, const PrepareRequest& request,
                 const std::optional<IdRange>& users);

}  // namespace rkt::stage0
