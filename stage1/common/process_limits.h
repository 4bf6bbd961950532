// SPDX-License-Identifier: Apache-2.0
// What whoever started rkt hands down to the apps without a word: resource limits and the nice value. They are kept in
// a record of the pod, for `enter`, whose own caller is somebody else.
#pragma once

#include <sys/resource.h>

#include <array>

namespace rkt::stage1 {

struct ProcessLimits {
  std::array<rlimit, RLIM_NLIMITS> resources{};  ///< by RLIMIT_…
  int nice = 0;
};

/// What children of this process have, however much it has raised for itself.
ProcessLimits callers_limits();

/// Of descriptors, the same.
rlimit descriptor_limit();

/// Raises this process's soft limit of descriptors to the hard one.
void raise_descriptor_limit();

/// Of `wanted`, what children of this process can be given: who may not raise hard limits has its own instead. Takes
/// the nice value itself, and the hard limits that are higher: a child may be where it could not raise them.
ProcessLimits within_reach(ProcessLimits wanted);

/// This process's own from here on: what is within reach.
void take_limits(const ProcessLimits& limits);

}  // namespace rkt::stage1
