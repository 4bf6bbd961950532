// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "schema/appc/pod_manifest.h"
#include "schema/cni/network.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  rkt::fuzz::tolerate([&] { rkt::appc::Volume::parse_flag(bytes); });
  rkt::fuzz::tolerate([&] { rkt::appc::ExposedPort::parse_flag(bytes); });
  rkt::fuzz::tolerate([&] { rkt::appc::Quantity::parse(bytes); });
  rkt::fuzz::tolerate([&] { rkt::cni::NetList::parse({std::string(bytes)}); });
}
