// SPDX-License-Identifier: Apache-2.0
// policy.json, its scopes and identities.
#include "keystore/policy.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  using namespace rkt::keystore;
  using rkt::fuzz::require;
  rkt::fuzz::tolerate([&] {
    const Policy policy = parse_policy(bytes, "policy.json");
    require(!policy.of("docker", {"r.example"}).empty());
    for (const auto& requirement : policy.fallback)
      matches(requirement.identity, {"r.example/x", "1", ""}, {"r.example/y", "1", ""});
  });
  if (const auto reference = canonical_reference(bytes)) {
    require(canonical_reference(reference->repository)->repository == reference->repository);
    require(docker_scopes(*reference).size() >= 2);
    require(!matches({.match = SignedIdentity::Match::repository}, *reference, {"r.example/not-it", "", ""}) ||
            reference->repository == "r.example/not-it");
  }
  rkt::fuzz::tolerate([&] { (void)path_scopes(std::string(bytes), "n"); });
}
