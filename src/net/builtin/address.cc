// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/address.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/strings.h"

namespace rkt::net::builtin {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

std::optional<Ip> Ip::parse(std::string_view text) {
  const std::string s(text);
  Ip out;
  if (::inet_pton(AF_INET, s.c_str(), out.b_.data()) == 1) return out;
  if (::inet_pton(AF_INET6, s.c_str(), out.b_.data()) != 1) return std::nullopt;
  if (std::equal(kMapped.begin(), kMapped.end(), out.b_.begin())) {
    Ip v4;
    std::copy_n(out.b_.begin() + kMapped.size(), 4, v4.b_.begin());
    return v4;
  }
  out.v6_ = true;
  return out;
}

std::optional<Ip> Ip::from_bytes(std::string_view bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  Ip out = any(bytes.size() == 16);
  std::copy(bytes.begin(), bytes.end(), out.b_.begin());
  return out;
}

Ip Ip::any(bool v6) {
  Ip out;
  out.v6_ = v6;
  return out;
}

std::string Ip::str() const {
  char text[INET6_ADDRSTRLEN];
  return ::inet_ntop(v6_ ? AF_INET6 : AF_INET, b_.data(), text, sizeof text);
}

std::string Ip::bytes() const { return {b_.begin(), b_.begin() + bits() / 8}; }

bool Ip::unspecified() const { return *this == any(v6_); }

bool Ip::loopback() const {
  if (!v6_) return b_[0] == 127;
  Ip one = any(true);
  one.b_[15] = 1;
  return *this == one;
}

Ip Ip::masked(int prefix) const {
  Ip out = *this;
  for (int i = prefix; i < bits(); ++i)
    out.b_[static_cast<std::size_t>(i / 8)] &= static_cast<std::uint8_t>(~(0x80U >> (i % 8)));
  return out;
}

Ip Ip::broadcast(int prefix) const {
  Ip out = *this;
  for (int i = prefix; i < bits(); ++i)
    out.b_[static_cast<std::size_t>(i / 8)] |= static_cast<std::uint8_t>(0x80U >> (i % 8));
  return out;
}

Ip Ip::next() const {
  Ip out = *this;
  for (int i = bits() / 8; i-- > 0;)
    if (++out.b_[static_cast<std::size_t>(i)] != 0) break;
  return out;
}

Ip Ip::previous() const {
  Ip out = *this;
  for (int i = bits() / 8; i-- > 0;)
    if (out.b_[static_cast<std::size_t>(i)]-- != 0) break;
  return out;
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto ip = Ip::parse(text.substr(0, slash));
  const auto prefix = parse_int<int>(text.substr(slash + 1));
  if (!ip || !prefix || *prefix < 0 || *prefix > ip->bits()) return std::nullopt;
  return Cidr{*ip, *prefix};
}

std::string Cidr::str() const { return cat(ip.str(), "/", prefix); }

bool Cidr::contains(const Ip& other) const {
  return other.v6() == ip.v6() && other.masked(prefix) == ip.masked(prefix);
}

}  // namespace rkt::net::builtin
