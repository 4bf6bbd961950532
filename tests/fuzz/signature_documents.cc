// SPDX-License-Identifier: Apache-2.0
// Payloads, manifests, bundles and statements of signatures of Docker and OCI images.
#include "schema/oci/bundle.h"
#include "schema/oci/signing.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  using namespace rkt::oci;
  using rkt::fuzz::require;
  using rkt::fuzz::tolerate;
  tolerate([&] {
    const Claim claim = parse_claim(bytes);
    const Claim again = parse_claim(write_claim(claim));
    require(again.type == claim.type && again.digest == claim.digest && again.reference == claim.reference);
    require(is_signature_tag(signature_tag(claim.digest)));
  });
  tolerate([&] {
    const auto found = attached_signatures(parse_manifest(bytes, "application/vnd.oci.image.manifest.v1+json"));
    require(found.size() <= kMaxAttached);
  });
  tolerate([&] {
    const Bundle bundle = parse_bundle(bytes);
    require(!bundle.signature.empty() && (bundle.envelope || bundle.payload.empty()));
    require(envelope_bytes(bundle.payload_type, bundle.payload).ends_with(bundle.payload));
    parse_statement(bundle.payload);
  });
  tolerate([&] {
    for (const auto& subject : parse_statement(bytes).subjects)
      for (const auto& digest : subject.digests) check_digest_syntax(digest);
  });
  const std::string repository = repository_of(bytes);
  require(repository_of(repository).size() <= repository.size());
  const std::string canonical = canonical_repository(bytes);
  require(canonical.empty() || canonical_repository(canonical) == canonical);
  (void)is_signature_tag(bytes);
}
