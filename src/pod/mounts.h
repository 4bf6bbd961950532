// SPDX-License-Identifier: Apache-2.0
// Mounts that a dead pod left on the host (a foreign stage1, or one that was killed): found in mountinfo, detached.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rkt::pod {

/// Pure: the mount points below (or at) `path` in the text of a mountinfo file, parents before children, a path as
/// often as something is mounted on it.
std::vector<std::string> plan_detach(std::string_view mountinfo, std::string_view path);

/// Detaches every mount below `path`, which must be absolute and free of links. Each is made private first, parents
/// first, so that nothing propagates to the host; then children first. Links that the pod made are never followed.
/// Throws when one cannot be detached.
void detach_mounts_below(const std::string& path);

}  // namespace rkt::pod
