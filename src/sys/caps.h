// SPDX-License-Identifier: Apache-2.0
// Capability sets as bit masks: bit n is capability n of <linux/capability.h>.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rkt {

using CapMask = std::uint64_t;

constexpr int kCapLast = 40;  ///< CAP_CHECKPOINT_RESTORE; higher ones are dropped wherever a mask is applied
constexpr CapMask kAllCaps = (CapMask{1} << (kCapLast + 1)) - 1;

/// "CAP_CHOWN" -> 0; nullopt: no such capability.
std::optional<int> parse_cap(std::string_view name);

constexpr CapMask cap_bit(int number) { return CapMask{1} << number; }

/// The effective capabilities of this process.
CapMask own_effective_caps();

/// This thread can use all the capabilities that it may have. Throws.
void raise_capabilities();

/// This thread keeps these of what it has, and no inheritable ones. Throws.
void drop_capabilities(CapMask keep);
/// The same, and whatever it executes gains no others: for a process that somebody may take over.
void drop_capabilities_for_good(CapMask keep);

}  // namespace rkt
