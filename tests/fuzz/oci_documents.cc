// SPDX-License-Identifier: Apache-2.0
#include "schema/oci/image.h"
#include "schema/oci/schema1.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  using rkt::fuzz::tolerate;
  tolerate([&] {
    const auto old = rkt::oci::parse_schema1(bytes);
    rkt::fuzz::require(rkt::oci::schema1_payload(rkt::oci::schema1_payload(bytes)) == rkt::oci::schema1_payload(bytes));
    const auto made = rkt::oci::convert_schema1(
        old, std::vector<rkt::oci::Schema1Layer>(old.layers.size(), {1, "sha256:" + std::string(64, 'a')}));
    rkt::fuzz::require(rkt::oci::parse_manifest(made.manifest, made.manifest_type).layers.size() == old.layers.size());
    rkt::oci::parse_config(made.config);
  });
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
