// SPDX-License-Identifier: Apache-2.0
// One function a rktKind: what a document of that kind says is added to a configuration. An item that is there already
// is an error: within one directory nothing may be said twice.
#pragma once

#include "config/config.h"
#include "json/reader.h"

namespace rkt::config {

using Parse = void (*)(Config& config, const json::Reader& document);

/// nullptr: there is no such kind in that version.
Parse find_parser(std::string_view kind, std::string_view version);

}  // namespace rkt::config
