// SPDX-License-Identifier: Apache-2.0
#include "image/docker_archive.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  rkt::fuzz::tolerate([&] {
    const auto images = rkt::image::parse_docker_archive(bytes);
    for (const auto& image : images)
      for (const auto& tag : image.tags) rkt::image::choose_tag(images, tag);
    rkt::image::choose_tag(images, "");
  });
}
