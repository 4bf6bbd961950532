// SPDX-License-Identifier: Apache-2.0
// Inside of stage0: pieces of removal that gc and rm share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stage0/stage0.h"

namespace rkt::stage0 {

/// Deletes a pod in exited-garbage or garbage; waits for its lock. One that is gone by then is fine. Throws when files remain.
void delete_garbage(store::Store& store, const pod::Pods& pods, const Uuid& id, const std::string& local_config, bool debug);

/// Mount points below `directory`, last mounted first. Pure.
std::vector<std::string> mounts_below(std::string_view mountinfo, const std::string& directory);

}  // namespace rkt::stage0
