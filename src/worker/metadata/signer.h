// SPDX-License-Identifier: Apache-2.0
// The service vouches for pods (appc: Identity Endpoint): HMAC-SHA-512 of the pod's UUID and what it says, with a key
// that only this process has.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/uuid.h"

namespace rkt::metadata {

class Signer {
 public:
  Signer();  ///< a new key
  explicit Signer(const std::array<std::uint8_t, 64>& key) : key_(key) {}

  std::string sign(const Uuid& pod, std::string_view content) const;  ///< 64 bytes
  /// In a time that does not depend on where `signature` differs.
  bool verify(const Uuid& pod, std::string_view content, std::string_view signature) const;

 private:
  std::array<std::uint8_t, 64> key_{};
};

}  // namespace rkt::metadata
