// SPDX-License-Identifier: Apache-2.0
// Which capabilities an app's bounding set holds (reference: pods §5.3). Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "schema/appc/isolators.h"

namespace rkt::native {

/// The reference's 14: 0xa80425fb.
inline constexpr std::uint64_t kDefaultCapabilities = 0xa80425fb;

/// A set bit for each capability: the default set, the union of the retain sets, or the default without the remove
/// sets. Names are in any case, with or without "CAP_"; unknown ones are returned in `unknown`. Both kinds of set:
/// throws.
std::uint64_t capability_set(const appc::Isolators& isolators, std::vector<std::string>& unknown);

}  // namespace rkt::native
