// SPDX-License-Identifier: Apache-2.0
// TOML as the tree of values that JSON documents are read from, so that both have the same reader and the same errors.
#pragma once

#include <string_view>

#include "json/value.h"

namespace rkt::config {

/// Dates and times become null, and whatever is not ASCII question marks. Throws Errc::invalid "PATH: line L, column C:
/// …".
json::Value parse_toml(std::string_view text, std::string_view path);

}  // namespace rkt::config
