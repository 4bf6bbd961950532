// SPDX-License-Identifier: Apache-2.0
// What of a manifest no stage1 could run, found before anything is made of it. Errors begin with the place.
#pragma once

#include "schema/appc/pod_manifest.h"

namespace rkt::stage0 {

/// Of any pod: the annotations that stage1 reads.
void check_settings(const appc::PodManifest& manifest);

/// Of --pod-manifest, whose author can mend it: mounts and volumes, app sections. An image's app section is another
/// author's; flags may replace what is wrong there.
void check_pod_manifest(const appc::PodManifest& manifest);

}  // namespace rkt::stage0
