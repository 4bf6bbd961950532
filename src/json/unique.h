// SPDX-License-Identifier: Apache-2.0
// For documents that decide who is trusted: a name that is there twice would mean one thing to us and another to
// whoever wrote or reviewed it.
#pragma once

#include "json/value.h"

namespace rkt::json {

/// parse(), and Errc::invalid where an object has a name twice: `JSON text is ambiguous: duplicate key "NAME"`.
Value parse_unique(std::string_view text, Limits limits = {});

}  // namespace rkt::json
