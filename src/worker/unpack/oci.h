// SPDX-License-Identifier: Apache-2.0
// Docker/OCI layers -> overlayfs lower directories, and OCI layout archives -> layout directories.
#pragma once

#include <optional>
#include <string>

#include "worker/unpack/protocol.h"
#include "worker/unpack/staging.h"

namespace rkt::unpack {

/// Unpacks one layer. The digest of what it unpacks to is checked; that of the file when the other is not known, and
/// when something went wrong: then a wrong one is the error.
Reply unpack_layer(int file, const Request::Archive& archive, const Limits& limits, Staging& root);

/// Where an entry of a layout archive belongs: index.json, oci-layout, blobs/ALGORITHM/ENCODED. nullopt: not part of a
/// layout.
std::optional<std::string> place_in_layout(const Entry& entry);

/// Where an entry of an archive that `docker save` or `podman save` wrote belongs: manifest.json, configurations,
/// layers and links between them. nullopt: nothing that is needed.
std::optional<std::string> place_in_docker_archive(const Entry& entry);

/// Either kind of archive.
Reply unpack_layout(int file, const Limits& limits, Staging& to);

}  // namespace rkt::unpack
