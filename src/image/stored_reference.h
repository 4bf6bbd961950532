// SPDX-License-Identifier: Apache-2.0
// The image in the store that a reference of Docker's means, when nobody noted that it was fetched by that spelling.
#pragma once

#include <optional>
#include <string>

#include "image/registry_directory.h"
#include "store/store.h"

namespace rkt::image {

/// The image that the registry, repository and tag that `typed` (docker:// left out) means were fetched as last.
/// nullopt also for a digest, and for a short name that may mean several registries. The name in the store is not
/// enough: other repositories may have the same one, and ACIs. Nor is where it came from: a reference whose image was
/// removed means none of those that it meant before.
std::optional<store::ImageRecord> find_stored_reference(const store::Store& store, RegistryDirectory& registries,
                                                        const std::string& typed);

/// To be called when `image` was fetched: what the same registry, repository and tag were before, by whatever spelling,
/// is no longer named by them.
void forget_superseded(store::Store& store, const store::ImageRecord& image);

}  // namespace rkt::image
