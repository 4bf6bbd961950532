// SPDX-License-Identifier: Apache-2.0
// Pod UUIDs: version 4, printed lower case in the form 8-4-4-4-12.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rkt {

class Uuid {
 public:
  /// Version 4 from 16 random bytes (the caller reads them: base makes no system calls).
  static Uuid from_random(std::array<std::uint8_t, 16> bytes) noexcept;
  /// 32 hex digits in any case, dashes anywhere; nullopt otherwise.
  static std::optional<Uuid> parse(std::string_view text);

  const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
  std::string str() const;    ///< 36 characters, dashed
  std::string plain() const;  ///< 32 characters, the machine-id form
  auto operator<=>(const Uuid&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace rkt
