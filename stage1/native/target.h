// SPDX-License-Identifier: Apache-2.0
// Places to mount on inside the root of an app, whose links are the image's: nothing is ever resolved outside of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stage1/native/volumes.h"
#include "sys/dir.h"

namespace rkt::native {

/// Whether a volume is mounted at `path` or above it.
bool lies_in_volume(const std::vector<VolumeMount>& volumes, const DirFd& root, const std::string& path);

enum class TargetKind { directory, file };

/// A descriptor (O_PATH) of what is at `path`, made, with its parents and
/// marked as a place for mounts (sys/mount_place.h), when it is missing. Throws when it is there and of
/// the other kind.
UniqueFd make_target(const DirFd& root, std::string_view path, TargetKind kind);

/// A directory at the top of the root; never a link. Throws otherwise.
UniqueFd make_top_directory(const DirFd& root, const std::string& name, mode_t mode);

}  // namespace rkt::native
