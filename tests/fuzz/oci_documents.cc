// SPDX-License-Identifier: Apache-2.0
#include "schema/oci/image.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  using rkt::fuzz::tolerate;
  tolerate([&] {
    rkt::oci::select_platform(rkt::oci::parse_index(bytes, "application/vnd.oci.image.index.v1+json"),
                              {"linux", "amd64", ""});
  });
  tolerate([&] { rkt::oci::parse_manifest(bytes, "application/vnd.oci.image.manifest.v1+json"); });
  tolerate([&] {
    const auto config = rkt::oci::parse_config(bytes);
    rkt::oci::Manifest manifest;
    manifest.layers.resize(config.diff_ids.size());
    rkt::oci::chain_ids(config.diff_ids);
    rkt::appc::write(rkt::oci::map_to_appc(
        manifest, config,
        {.name = "host/repo", .original_name = "repo", .registry_url = "host", .repository = "repo"}));
  });
}
