// SPDX-License-Identifier: Apache-2.0
// Which stage1 image a pod gets (reference: pods §2.8, images §5.8). Our own stage1 images lie beside the binary and
// are found there without network; like every other image they are verified, with the keys that this build ships.
#pragma once

#include <string>
#include <vector>

#include "image/finder.h"

namespace rkt::image {

/// At most one is set.
struct Stage1Flags {
  std::string url, path, name, hash, from_dir;
};

/// Where stage1 images of this installation may lie, in order: PREFIX/lib/rkt/stage1-images, then beside the binary.
std::vector<std::string> stage1_directories();

/// "coreos.com/rkt/stage1-coreos", "-host" and "-src" are names that scripts for the reference use: they mean native.
std::string resolve_stage1_alias(const std::string& name);

/// Found, verified and stored. `finder` was made with with_dependencies = false. Throws.
store::ImageRecord find_stage1(Finder& finder, store::Store& store, const config::Config& config,
                               const Stage1Flags& flags);

}  // namespace rkt::image
