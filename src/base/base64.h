// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648), in both alphabets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rkt {

/// With padding, in the standard alphabet.
std::string base64_encode(std::string_view bytes);
/// Either alphabet; padding may be left out but not be wrong. nullopt: anything else, blanks and line ends included.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace rkt
