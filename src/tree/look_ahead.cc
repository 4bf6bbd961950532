// SPDX-License-Identifier: Apache-2.0
#include "tree/look_ahead.h"

#include <string>
#include <utility>

#include "base/error.h"
#include "tree/render.h"

namespace rkt::tree {
namespace {

struct Wanted {
  std::string top;
  std::vector<std::string> below;
};

bool holds(const DirFd& trees, const Wanted& tree, bool old_ones) {
  try {
    return is_ready(trees, tree.top) && all_hold(trees, tree.top, tree.below, old_ones);
  } catch (const Error&) {
    return false;  // render() meets the same, and says so
  }
}

}  // namespace

// The thread is given all that comes from the index, whose connection is this thread's.
Beside<std::vector<bool>> look_ahead(const store::Store& store, std::span<const store::ImageRecord* const> images,
                                     const Options& options) {
  std::vector<Wanted> wanted;
  for (const auto* image : images) wanted.push_back({tree_id(store, *image), ids_below_top(*image)});
  return Beside<std::vector<bool>>([&trees = store.trees(), wanted = std::move(wanted), old_ones = options.old_ones] {
    std::vector<bool> out;
    for (const auto& tree : wanted) out.push_back(holds(trees, tree, old_ones));
    return out;
  });
}

}  // namespace rkt::tree
