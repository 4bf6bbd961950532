// SPDX-License-Identifier: Apache-2.0
// The machine format of `rkt net list` and `rkt net status`.
#pragma once

#include <string>
#include <vector>

#include "json/value.h"
#include "stage0/networks.h"

namespace rkt::cmd {

/// A list of networks, one line. `asked`: with the answers of STATUS and CHECK.
std::string network_json(const std::vector<stage0::NetworkReport>& networks, json::Style style, bool asked);

}  // namespace rkt::cmd
