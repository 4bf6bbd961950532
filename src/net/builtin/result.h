// SPDX-License-Identifier: Apache-2.0
// The result document of an ADD, in the form of the version that the configuration asks for (reference: networking
// §14.7).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "net/builtin/config.h"

namespace rkt::net::builtin {

struct Result {
  struct Interface {
    std::string name, mac, sandbox;  ///< sandbox "": the host's
  };
  struct Address {
    Cidr address;
    std::optional<Ip> gateway;
    int interface = -1;  ///< index, or none
  };
  std::vector<Interface> interfaces;
  std::vector<Address> ips;
  std::vector<Route> routes;
  Dns dns;
};

json::Value write_result(const Result& result, std::string_view cni_version);
/// Of a document that write_result() made, or of one in that form.
Result read_result(const json::Value& document);

}  // namespace rkt::net::builtin
