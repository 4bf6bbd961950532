// SPDX-License-Identifier: Apache-2.0
// Which mounts a fly pod gets, in which order: pure (reference: pods §6.7). mounts.h performs them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "schema/appc/pod_manifest.h"

namespace rkt::fly {

struct MountOp {
  enum class Kind { bind, tmpfs } kind = Kind::bind;
  std::string source;  ///< on the host; "" for a tmpfs
  std::string target;  ///< inside the app's root; a volume's has no links
  bool recursive = false;
  bool read_only = false;
  bool gives_back = false;  ///< what the app mounts in it is to appear on the host where that shares the source's mount
  bool operator==(const MountOp&) const = default;
};

/// The directory that backs an empty volume, relative to POD.
std::string empty_volume_path(const std::string& volume);

/// Where a path leads inside the app's root, before anything is mounted there.
using PlaceOf = std::function<std::string(const std::string& path)>;

/// The host's /dev, /proc and /sys, a tmpfs on /tmp, then the volumes, parents before what lies below them. `pod_path`
/// is the absolute path of POD. Throws the reference's texts: `missing volume for mountpoint "x"`, `duplicate mount
/// given: "x"`, ….
std::vector<MountOp> plan_mounts(const appc::RuntimeApp& app, const std::vector<appc::MountPoint>& mount_points,
                                 const std::vector<appc::Volume>& volumes, const std::string& pod_path,
                                 const PlaceOf& place_of);

}  // namespace rkt::fly
