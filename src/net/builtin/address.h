// SPDX-License-Identifier: Apache-2.0
// IPv4 and IPv6 addresses and networks, as numbers and as text.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rkt::net::builtin {

/// An address of either family. IPv4 mapped into IPv6 is IPv4.
class Ip {
 public:
  static std::optional<Ip> parse(std::string_view text);
  static std::optional<Ip> from_bytes(std::string_view bytes);  ///< 4 or 16
  static Ip any(bool v6);
  bool v6() const noexcept { return v6_; }
  int bits() const noexcept { return v6_ ? 128 : 32; }
  std::string str() const;
  /// 4 or 16 bytes in network order.
  std::string bytes() const;
  bool unspecified() const;
  bool loopback() const;
  Ip masked(int prefix) const;     ///< host bits cleared
  Ip broadcast(int prefix) const;  ///< host bits set
  Ip next() const;
  Ip previous() const;
  auto operator<=>(const Ip&) const = default;

 private:
  bool v6_ = false;
  std::array<std::uint8_t, 16> b_{};  // IPv4: the first four
};

/// An address with the length of its network's prefix.
struct Cidr {
  Ip ip;
  int prefix = 0;
  static std::optional<Cidr> parse(std::string_view text);
  std::string str() const;
  Cidr network() const { return {ip.masked(prefix), prefix}; }
  bool contains(const Ip& other) const;
  bool overlaps(const Cidr& other) const { return contains(other.ip) || other.contains(ip); }
  auto operator<=>(const Cidr&) const = default;
};

}  // namespace rkt::net::builtin
