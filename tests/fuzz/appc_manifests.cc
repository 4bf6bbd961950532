// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/pod_manifest.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  using rkt::fuzz::require;
  rkt::fuzz::tolerate([&] {
    const auto m = rkt::appc::parse_image_manifest(bytes);
    const std::string text = rkt::appc::write(m);
    require(rkt::appc::write(rkt::appc::parse_image_manifest(text)) == text);
  });
  rkt::fuzz::tolerate([&] {
    const auto m = rkt::appc::parse_pod_manifest(bytes);
    const std::string text = rkt::appc::write(m);
    require(rkt::appc::write(rkt::appc::parse_pod_manifest(text)) == text);
  });
}
