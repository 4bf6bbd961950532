// SPDX-License-Identifier: Apache-2.0
// Which volume is mounted where in an app: pure (reference: pods §6.1-6.3).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/appc/pod_manifest.h"

namespace rkt::native {

struct VolumeMount {
  std::string target;  ///< inside the app's root, cleaned: absolute, no "." or "..", no double slashes
  appc::Volume volume;
  std::string place = {};  ///< the target with the links of the image followed, once it is known
  bool device = false;     ///< its source is a device node
  bool read_only = false;
  bool implicit = false;  ///< nobody asked for it: made for a mount point without volume
  bool recursive() const { return volume.recursive.value_or(true); }
};

/// Mounts first, then the image's mount points that have none; parents before what lies below them. `warn` gets the
/// sentence about implicit empty volumes. Throws `could not find volume "x"`.
std::vector<VolumeMount> plan_volumes(const appc::RuntimeApp& runtime,
                                      const std::vector<appc::MountPoint>& mount_points, const appc::PodManifest& pod,
                                      const std::function<void(std::string_view)>& warn);

/// A path inside a root without ".", ".." and empty parts.
std::string clean_path(std::string_view path);

/// Whether `path` is `dir` or below it; both cleaned.
bool is_at_or_below(std::string_view path, std::string_view dir);

}  // namespace rkt::native
