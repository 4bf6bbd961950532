// SPDX-License-Identifier: Apache-2.0
#include "base/printable.h"

#include <algorithm>
#include <cstdint>

#include "base/escapes.h"
#include "base/strings.h"

namespace rkt {
namespace {

struct Decoded {
  std::uint32_t code = 0;
  std::size_t length = 1;
  bool valid = false;
};

// One character off the front; not valid: one byte to be replaced.
Decoded decode(std::string_view s) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<std::uint8_t>(s[i])); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {.code = first, .length = 1, .valid = true};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || length > s.size()) return {};
  std::uint32_t code = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (overlong || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff) return {};
  return {.code = code, .length = length, .valid = true};
}

// What a terminal does rather than shows: control characters, and marks that reorder what follows.
bool commands(std::uint32_t c) noexcept {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
         (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

bool is_hostile(std::uint32_t c) noexcept {
  return commands(c) || c == 0xad || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c < 0xe1000);
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    const Decoded d = decode(text);
    const std::string_view piece = d.valid && !is_hostile(d.code) ? text.substr(0, d.length) : "?";
    if (out.size() + piece.size() > limit) break;
    out.append(piece);
    text.remove_prefix(d.length);
  }
  return out;
}

std::string visible(std::string_view text, Charset charset) {
  std::string out;
  while (!text.empty()) {
    const Decoded d = decode(text);
    const std::string_view piece = text.substr(0, d.length);
    const bool known = d.valid && (charset == Charset::utf8 || d.code < 0x80);
    if (known && (d.code == '\t' || !commands(d.code)))
      out.append(piece);
    else
      for (const char byte : piece) out += cat("\\x", hex_of({&byte, 1}));
    text.remove_prefix(d.length);
  }
  return out;
}

bool is_utf8(std::string_view text) noexcept {
  const auto is_ascii = [](char c) { return static_cast<std::uint8_t>(c) < 0x80; };
  for (;;) {
    text.remove_prefix(static_cast<std::size_t>(std::ranges::find_if_not(text, is_ascii) - text.begin()));
    if (text.empty()) return true;
    const Decoded d = decode(text);
    if (!d.valid) return false;
    text.remove_prefix(d.length);
  }
}

std::size_t unfinished(std::string_view text) noexcept {
  for (std::size_t n = 1; n <= 3 && n <= text.size(); ++n) {
    const auto byte = static_cast<std::uint8_t>(text[text.size() - n]);
    if (byte >= 0x80 && byte < 0xc0) continue;
    const std::size_t length = byte < 0xc2 || byte > 0xf4 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > n ? n : 0;
  }
  return 0;
}

}  // namespace rkt
