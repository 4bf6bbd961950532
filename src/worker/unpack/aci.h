// SPDX-License-Identifier: Apache-2.0
// ACI archives: looked at, unpacked as they are, and rendered with the images they depend on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "worker/unpack/protocol.h"
#include "worker/unpack/staging.h"

namespace rkt::unpack {

/// Where an entry of an ACI belongs. What lies beside the two is no part of the image, as for the reference.
struct AciPlace {
  enum class Part { top, manifest, rootfs, other };
  Part part = Part::top;
  std::string path;  ///< rootfs: below it; "" is rootfs itself
};
AciPlace place_in_aci(const Entry& entry);

/// Digest, compression and size of the tar; its manifest. Checks that there is one; writes nothing.
Reply scan_aci(int file, const Limits& limits, std::string& manifest);

/// Renders `request.archives` (files in the same order, top image first) into `root`.
Reply unpack_acis(const Request& request, const std::vector<int>& files, Staging& root);

/// Everything as it is in the archive.
Reply extract_aci(int file, const Limits& limits, Staging& to);

/// The plain tar, written to `out`.
Reply decompress(int file, const Limits& limits, int out);

}  // namespace rkt::unpack
