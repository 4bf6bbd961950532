// SPDX-License-Identifier: Apache-2.0
#include "base/uuid.h"

#include "base/strings.h"

namespace rkt {

Uuid Uuid::from_random(std::array<std::uint8_t, 16> bytes) noexcept {
  Uuid u;
  u.bytes_ = bytes;
  u.bytes_[6] = static_cast<std::uint8_t>((u.bytes_[6] & 0x0f) | 0x40);  // version 4
  u.bytes_[8] = static_cast<std::uint8_t>((u.bytes_[8] & 0x3f) | 0x80);  // RFC 4122 variant
  return u;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  std::string hex;
  for (const char c : text)
    if (c != '-') hex.push_back(c);
  if (hex.size() != 32) return std::nullopt;
  Uuid u;
  for (std::size_t i = 0; i < 16; ++i) {
    const auto byte = parse_int<std::uint8_t>(std::string_view(hex).substr(2 * i, 2), 16);
    if (!byte) return std::nullopt;
    u.bytes_[i] = *byte;
  }
  return u;
}

std::string Uuid::plain() const { return to_hex(bytes_); }

std::string Uuid::str() const {
  std::string s = plain();
  for (const std::size_t at : {20, 16, 12, 8}) s.insert(at, 1, '-');
  return s;
}

}  // namespace rkt
