// SPDX-License-Identifier: Apache-2.0
// Text in which some bytes are written as their numbers: %XX of URLs, \ooo of the kernel's mount tables.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rkt {

/// Everything but letters, digits, "-._~" and the bytes in `plain` as %XX.
std::string percent_encode(std::string_view text, std::string_view plain = {});
/// nullopt: a "%" without two hex digits behind it.
std::optional<std::string> percent_decode(std::string_view text);
/// "\040" -> " "; what is no such number stays as it is.
std::string octal_decode(std::string_view text);
/// to_hex() of bytes that are held as text.
std::string hex_of(std::string_view bytes);

}  // namespace rkt
