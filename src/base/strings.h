// SPDX-License-Identifier: Apache-2.0
// Text building blocks: cat() (concatenation of strings and integers), quoting for messages, split, join, number
// parsing that refuses everything but the whole number, hex.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rkt {

namespace detail {
inline void append_one(std::string& out, std::string_view s) { out.append(s); }
inline void append_one(std::string& out, char c) { out.push_back(c); }
template <std::integral T>
  requires(!std::same_as<T, char> && !std::same_as<T, bool>)
void append_one(std::string& out, T n) {
  char buf[24];
  const auto r = std::to_chars(buf, buf + sizeof buf, n);
  out.append(buf, r.ptr);
}
}  // namespace detail

/// Concatenates strings, characters and integers (decimal).
template <class... A>
std::string cat(const A&... a) {
  std::string out;
  (detail::append_one(out, a), ...);
  return out;
}

/// `s` in double quotes; control characters, quotes and backslashes escaped, so that one message stays one line.
std::string quoted(std::string_view s);

/// Pieces of `s` between `sep`; always at least one piece (possibly empty).
std::vector<std::string_view> split(std::string_view s, char sep);
std::string join(std::span<const std::string> parts, std::string_view sep);
std::string_view trim(std::string_view s);  ///< without leading and trailing white space
std::string lower(std::string_view s);      ///< ASCII only

/// The whole of `s` as a number in the given base, in range of T; nullopt otherwise. No sign for unsigned types, no
/// blanks.
template <std::integral T>
std::optional<T> parse_int(std::string_view s, int base = 10) {
  T value{};
  const auto r = std::from_chars(s.data(), s.data() + s.size(), value, base);
  if (s.empty() || r.ec != std::errc{} || r.ptr != s.data() + s.size()) return std::nullopt;
  return value;
}

/// The boolean spellings of the reference: 1 t T TRUE true True 0 f F FALSE false False.
std::optional<bool> parse_bool(std::string_view s);

std::string to_hex(std::span<const std::uint8_t> bytes);

}  // namespace rkt
