// SPDX-License-Identifier: Apache-2.0
// The namespaces of a pod that the kernel needs long for: they are made on another processor while the pod is planned.
#pragma once

#include "stage1/native/options.h"
#include "sys/beside.h"
#include "sys/userns.h"

namespace rkt::native {

/// Begins with the network namespace of a pod that has its own, and with all namespaces of one with users of its own.
/// Nothing where there are none, or where they are made by the pod's first process: for who is not root.
Beside<OwnedNamespaces> begin_namespaces(const RunOptions& options);

}  // namespace rkt::native
