// SPDX-License-Identifier: Apache-2.0
// What `docker save` and `podman save` write: manifest.json names, for each image, its configuration, its layers and
// its tags. An unpacked archive becomes an OCI layout, so that the rest is the same for both. Every file in it is
// hostile: opened in root, regular, bounded, and named by the digest that it really has.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sys/dir.h"

namespace rkt::image {

struct DockerArchiveImage {
  std::string config;               ///< path in the archive
  std::vector<std::string> tags;    ///< "alpine:3.1", "quay.io/x/y:tag"
  std::vector<std::string> layers;  ///< paths, base first
};

/// manifest.json. Throws Errc::invalid.
std::vector<DockerArchiveImage> parse_docker_archive(std::string_view manifest);

/// The image that carries the tag (":latest" may be left out); without one the only image there is. Throws with the
/// list of tags. Pure.
const DockerArchiveImage& choose_tag(const std::vector<DockerArchiveImage>& images, const std::string& tag);

/// Makes ".layout", an OCI layout of one image, in the directory of an unpacked archive. Returns its tag, or "".
std::string make_layout(const DirFd& dir, const std::string& tag);

}  // namespace rkt::image
