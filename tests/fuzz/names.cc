// SPDX-License-Identifier: Apache-2.0
#include "base/uuid.h"
#include "schema/appc/types.h"
#include "schema/oci/image.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  using rkt::fuzz::require;
  using rkt::fuzz::tolerate;
  tolerate([&] { require(rkt::appc::AcIdentifier::parse(bytes).str() == bytes); });
  tolerate([&] { require(rkt::appc::AcName::parse(bytes).str() == bytes); });
  tolerate([&] { rkt::appc::AcName::parse(rkt::appc::AcName::sanitize(bytes).str()); });
  tolerate([&] { rkt::appc::AcIdentifier::parse(rkt::appc::AcIdentifier::sanitize(bytes).str()); });
  tolerate([&] { rkt::appc::AppString::parse(bytes); });
  tolerate([&] { rkt::oci::Reference::parse(bytes); });
  tolerate([&] { rkt::oci::check_digest_syntax(bytes); });
  rkt::appc::ImageId::parse(bytes);
  rkt::Uuid::parse(bytes);
}
