// SPDX-License-Identifier: Apache-2.0
// The order in which an ACI and its dependencies are rendered (images §7.8). Pure but for the look-up that the caller
// provides.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "schema/appc/image_manifest.h"
#include "store/store.h"

namespace rkt::tree {

struct Flat {
  store::ImageRecord image;
  appc::ImageManifest manifest;
  std::size_t level = 0;
};

using Resolve = std::function<store::ImageRecord(const appc::Dependency&)>;

/// Top image first; every dependency directly after the image that names it, so that later ones come before earlier
/// ones: A→[B,C], C→[D] gives A, C, D, B. An image reached twice appears twice. A cycle is an error.
std::vector<Flat> flatten(const store::ImageRecord& top, const Resolve& resolve);

/// The whitelist that an upper image imposes on entry `at`: that of the highest image of its branch which has one.
const std::vector<std::string>& upper_whitelist(const std::vector<Flat>& list, std::size_t at);

/// "deps-sha512-HEX" over the store keys, top first.
std::string deps_id(const std::vector<Flat>& list);
std::string deps_id(const std::vector<std::string>& keys);

}  // namespace rkt::tree
