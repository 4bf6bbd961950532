// SPDX-License-Identifier: Apache-2.0
// Where signatures of simple signing are published, containers-registries.d(5): YAML files that name a directory or a
// web server for a scope of images. Everything else those files say is skipped.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "keystore/policy.h"

namespace rkt::keystore {

struct Lookasides {
  std::map<std::string, std::string> docker;  ///< scope -> URL (file, http, https)
  std::string fallback;                       ///< default-docker
};

/// Adds what one file says. Throws Errc::invalid naming the file and the place; a scope may only be given once.
void add_lookasides(Lookasides& lookasides, std::string_view yaml, const std::string& path);
/// All *.yaml of $HOME/.config/containers/registries.d, or of /etc/containers/registries.d where that is not there.
Lookasides load_lookasides();

/// The place of the signatures of one image, without their number: "BASE/REPOSITORY@sha256=HEX/signature-". "" when
/// nobody named one. `image` is canonical; the host is not part of it.
std::string signature_base(const Lookasides& lookasides, const ImageReference& image, const std::string& digest);

}  // namespace rkt::keystore
