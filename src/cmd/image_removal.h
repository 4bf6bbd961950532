// SPDX-License-Identifier: Apache-2.0
// What `image rm` and `image gc` say while they remove images.
#pragma once

#include <optional>
#include <vector>

#include "cli/env.h"
#include "store/store.h"

namespace rkt::cmd {

/// Removes each and prints the reference's lines. Throws at the end when one could not be removed. `idle_since`: those
/// that somebody holds, or has stored or used since then, stay.
void remove_images(cli::Env& env, store::Store& store, const std::vector<store::ImageRecord>& images,
                   std::optional<store::TimePoint> idle_since = std::nullopt);

}  // namespace rkt::cmd
