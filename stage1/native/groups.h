// SPDX-License-Identifier: Apache-2.0
// The apps' cgroups on their way to the pod's pid 1, which launches the apps. They are made while it sets the pod up:
// that takes it as long as it takes the kernel to make the directories.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "cgroup/manager.h"

namespace rkt::native {

/// Sends descriptors of all. To who has ended, nothing: it has said why. Throws.
void give_groups(int socket, std::span<const cgroup::Group> groups);

/// Waits for as many. Throws where the other side has ended.
std::vector<cgroup::Group> take_groups(int socket, std::size_t count);

}  // namespace rkt::native
