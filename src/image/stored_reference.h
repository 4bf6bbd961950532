// SPDX-License-Identifier: Apache-2.0
// The image in the store that a reference of Docker's means, when nobody noted that it was fetched by that spelling.
#pragma once

#include <optional>
#include <string>

#include "image/registry_directory.h"
#include "store/store.h"

namespace rkt::image {

/// The newest image that came from the registry, repository and tag that `typed` (docker:// left out) means. nullopt
/// also for a digest, and for a short name that may mean several registries. The name in the store is not enough: other
/// repositories may have the same one, and ACIs.
std::optional<store::ImageRecord> find_stored_reference(const store::Store& store, RegistryDirectory& registries,
                                                        const std::string& typed);

}  // namespace rkt::image
