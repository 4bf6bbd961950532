// SPDX-License-Identifier: Apache-2.0
// Looking at trees while this thread does something else.
#pragma once

#include <span>
#include <vector>

#include "sys/beside.h"
#include "tree/tree.h"

namespace rkt::tree {

/// For each image whether its tree is ready and what its records say: then render() need not look again
/// (Options::check). The store must stay until take(). Throws when there can be no trees here.
Beside<std::vector<bool>> look_ahead(const store::Store& store, std::span<const store::ImageRecord* const> images,
                                     const Options& options);

}  // namespace rkt::tree
