// SPDX-License-Identifier: Apache-2.0
// What pods hold on to in the store.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cli/env.h"
#include "store/store.h"

namespace rkt::cmd {

struct ImageUse {
  std::vector<std::string> trees;  ///< of every pod that is not garbage, and of `enter --debug-image`
  std::set<std::string> running;   ///< store keys: images of apps of running pods, and of `enter --debug-image`
  std::set<std::string>
      referenced;  ///< of every pod that is not garbage: apps, stage1; debug images; and what all depend on
};

/// Under the exclusive prepare lock. Pods that cannot be read are reported; what they are known to use stays.
ImageUse images_in_use(cli::Env& env, const store::Store& store);

}  // namespace rkt::cmd
