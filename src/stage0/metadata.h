// SPDX-License-Identifier: Apache-2.0
// Registration of pods with the metadata service (docs/devel/metadata-service.md; reference: networking, metadata
// service): HTTP on its unix socket, spoken here because rkt links no HTTP library.
#pragma once

#include <string>
#include <vector>

#include "base/uuid.h"
#include "sys/dir.h"

namespace rkt::stage0 {

inline constexpr const char* kMetadataSocket = "/run/rkt/metadata-svc.sock";

/// Registers what POD/pod and the apps' image manifests say; returns the token by which the pod is known. Three tries,
/// a second apart, each failure said. The marker is in POD before the service knows the pod.
std::string register_metadata(const DirFd& pod, const Uuid& id, const std::vector<std::string>& apps);

/// Undoes it when the marker is there. Throws when the service cannot be asked.
void unregister_metadata(const DirFd& pod, const Uuid& id);

}  // namespace rkt::stage0
