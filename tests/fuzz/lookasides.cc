// SPDX-License-Identifier: Apache-2.0
// Files of registries.d: YAML, and what is made of it.
#include "keystore/lookaside.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  rkt::fuzz::tolerate([&] {
    rkt::keystore::Lookasides found;
    rkt::keystore::add_lookasides(found, bytes, "x.yaml");
    const std::string base = rkt::keystore::signature_base(found, {"r.example/team/x", "1", ""}, "sha256:00");
    rkt::fuzz::require(base.empty() || base.ends_with("/team/x@sha256=00/signature-"));
  });
}
