// SPDX-License-Identifier: Apache-2.0
// The namespaces of a pod that are made before its first process.
#pragma once

#include "stage1/native/options.h"
#include "sys/userns.h"

namespace rkt::native {

/// The network namespace of a pod that has its own, and all namespaces of one with users of its own. Nothing where
/// there are none, or where they are made by the pod's first process: for who is not root.
OwnedNamespaces make_namespaces(const RunOptions& options);

}  // namespace rkt::native
