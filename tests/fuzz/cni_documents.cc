// SPDX-License-Identifier: Apache-2.0
#include "net/arguments.h"
#include "schema/cni/network.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  rkt::fuzz::tolerate([&] { rkt::cni::parse_network(bytes, false); });
  rkt::fuzz::tolerate([&] { rkt::cni::parse_network(bytes, true); });
  rkt::fuzz::tolerate([&] { rkt::cni::parse_result(bytes, "net"); });
  rkt::fuzz::tolerate([&] { rkt::cni::parse_error(bytes); });
  rkt::fuzz::tolerate([&] { rkt::cni::parse_versions(bytes); });
  rkt::fuzz::tolerate([&] { rkt::net::parse_arguments(bytes); });
  rkt::fuzz::tolerate([&] {
    const auto infos = rkt::cni::parse_net_info(bytes);
    const std::string text = rkt::cni::write_net_info(infos);
    rkt::fuzz::require(rkt::cni::write_net_info(rkt::cni::parse_net_info(text)) == text);
  });
}
