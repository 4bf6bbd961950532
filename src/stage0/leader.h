// SPDX-License-Identifier: Apache-2.0
// Process 1 of a running pod, as stage1 tells it (reference: pods §1.6).
#pragma once

#include <optional>
#include <string_view>

#include "pod/pod.h"

namespace rkt::stage0 {

/// Content of POD/pid, else the only child of the process in POD/ppid. Waits until stage1 has come that far; throws
/// `pod "UUID" is not running anymore` when it ends instead.
int wait_for_leader(const pod::Pods& pods, pod::Pod& pod);

/// Pure: the child in the text of /proc/PID/task/PID/children; nullopt: none yet. Throws `too many children of pid N`.
std::optional<int> only_child(std::string_view children, int pid);

}  // namespace rkt::stage0
