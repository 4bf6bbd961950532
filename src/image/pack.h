// SPDX-License-Identifier: Apache-2.0
// A directory with `manifest` and `rootfs` as an ACI (`rkt image import`).
#pragma once

#include <string>

#include "sys/dir.h"

namespace rkt::image {

/// Writes the tar to `out`: the manifest's text, then rootfs with owners, modes, times, links, devices and the extended
/// attributes that images carry. The same directory gives the same bytes. Links are not followed; sockets are left out.
void pack_aci(const std::string& manifest, const DirFd& rootfs, int out);

}  // namespace rkt::image
