// SPDX-License-Identifier: Apache-2.0
// Names and labels as requests: default labels, and what a dependency asks for (images §2.4, §3.7).
#pragma once

#include <string>

#include "schema/appc/image_manifest.h"
#include "schema/appc/types.h"
#include "store/store.h"

namespace rkt::image {

/// False: it has none, which takes no parsing. Of ACIs.
bool may_have_dependencies(const store::ImageRecord& image);

/// os and arch of this machine where the request names none. Throws when the pair cannot run here.
appc::AppString with_host_labels(appc::AppString app);

/// The request that a dependency makes, host labels added.
appc::AppString request_of(const appc::Dependency& dependency);

/// What was found must be what the dependency pins: its imageID (a prefix of an ID counts) and its size, of the file or
/// of the tar in it. `file_size` 0: unknown.
void check_dependency(const appc::Dependency& wanted, const store::ImageRecord& found, std::uint64_t file_size);

}  // namespace rkt::image
