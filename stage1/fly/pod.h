// SPDX-License-Identifier: Apache-2.0
// A fly pod as it lies in POD, the current directory.
#pragma once

#include <string>
#include <vector>

#include "schema/appc/pod_manifest.h"
#include "sys/dir.h"

namespace rkt::fly {

struct FlyPod {
  DirFd dir;     ///< POD
  DirFd stage1;  ///< its stage1/rootfs
  DirFd root;    ///< the app's root
  appc::PodManifest manifest;
  appc::ImageManifest image;  ///< of the only app
  const appc::RuntimeApp& app() const { return manifest.apps.front(); }
  const appc::App& exec_spec() const;  ///< the pod manifest's, else the image's
};

/// Throws "fly only supports 1 application per Pod for now".
FlyPod load_pod();

/// Whom the app runs as.
struct Credentials {
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;  ///< the primary one first
  bool operator==(const Credentials&) const = default;
};
Credentials credentials_of(const FlyPod& pod);
/// "USER" or "USER:GROUP" (stage1/common/accounts.h).
Credentials credentials_of(const FlyPod& pod, const std::string& account);

/// As whom the app was started, in POD/stage1-fly.user: once it runs, the files of its root may say something else.
void save_credentials(const DirFd& pod, const Credentials& who);
Credentials load_credentials(const DirFd& pod);  ///< throws

/// Becomes them. Who is not root keeps none of its capabilities, and does not type on the caller's terminal (typing.h).
void take_credentials(const Credentials& who);

std::string env_file(const std::string& app);  ///< relative to stage1/rootfs

}  // namespace rkt::fly
