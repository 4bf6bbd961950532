// SPDX-License-Identifier: Apache-2.0
// Performing a plan's mounts. Targets are image-controlled: they are resolved and made inside the app's root by
// descriptor, and a mount is attached to the descriptor that was checked, never to a path.
#pragma once

#include <string>
#include <vector>

#include "stage1/fly/plan.h"
#include "sys/dir.h"

namespace rkt::fly {

/// A bind keeps its source's propagation: what the app mounts below a volume appears wherever the source's mount is
/// shared.
void apply_mounts(const DirFd& root, const std::vector<MountOp>& plan);

/// Binds one file or directory of the host.
void apply_bind(const DirFd& root, const MountOp& op);

/// Replaces `path` in the root by a regular file with this content; a link there is removed, not followed.
void replace_file(const DirFd& root, const std::string& dir, const std::string& name, std::string_view content);

}  // namespace rkt::fly
