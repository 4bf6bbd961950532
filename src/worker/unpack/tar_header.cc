// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/tar_header.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::unpack {
namespace {

std::string_view field(std::span<const std::uint8_t> block, std::size_t at, std::size_t size) {
  return {reinterpret_cast<const char*>(block.data()) + at, size};
}

// Up to the first NUL, or the whole field.
std::string text_field(std::span<const std::uint8_t> block, std::size_t at, std::size_t size) {
  const auto f = field(block, at, size);
  return std::string(f.substr(0, f.find('\0')));
}

// GNU's binary form: the first bit marks it, the rest is two's complement, big endian.
std::int64_t binary_number(std::string_view f) {
  const auto first = static_cast<std::uint8_t>(f[0]);
  const bool negative = (first & 0x40) != 0;
  std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
  for (std::size_t i = 0; i < f.size(); ++i) {
    auto byte = static_cast<std::uint8_t>(f[i]);
    if (i == 0) byte = static_cast<std::uint8_t>(negative ? byte | 0x80 : byte & 0x7f);
    const auto top = static_cast<std::uint8_t>(value >> 56);
    if (top != (negative ? 0xff : 0)) bad_tar("number in a header is too large");
    value = value << 8 | byte;
  }
  const auto number = static_cast<std::int64_t>(value);
  if ((number < 0) != negative) bad_tar("number in a header is too large");
  return number;
}

std::int64_t number_field(std::span<const std::uint8_t> block, std::size_t at, std::size_t size) {
  auto f = field(block, at, size);
  if ((static_cast<std::uint8_t>(f[0]) & 0x80) != 0) return binary_number(f);
  f = f.substr(0, f.find('\0'));
  while (f.starts_with(' ')) f.remove_prefix(1);
  while (f.ends_with(' ')) f.remove_suffix(1);
  if (f.empty()) return 0;
  const auto n = parse_int<std::uint64_t>(f, 8);
  if (!n || *n > static_cast<std::uint64_t>(INT64_MAX)) bad_tar("number in a header is malformed");
  return static_cast<std::int64_t>(*n);
}

std::uint64_t size_field(std::span<const std::uint8_t> block, std::size_t at, std::size_t size = 12) {
  const std::int64_t n = number_field(block, at, size);
  if (n < 0) bad_tar("negative size in a header");
  return static_cast<std::uint64_t>(n);
}

// The field of the checksum itself counts as blanks. Old programs summed signed characters.
bool checksum_matches(std::span<const std::uint8_t> block) {
  std::int64_t plain = 0, with_sign = 0;
  for (std::size_t i = 0; i < kTarBlock; ++i) {
    const std::uint8_t byte = i >= 148 && i < 156 ? ' ' : block[i];
    plain += byte;
    with_sign += static_cast<std::int8_t>(byte);
  }
  const std::int64_t written = number_field(block, 148, 8);
  return written == plain || written == with_sign;
}

void read_extents(std::span<const std::uint8_t> block, std::size_t at, std::size_t count, std::vector<Extent>& out) {
  for (std::size_t i = 0; i < count; ++i, at += 24) {
    if (block[at] == 0 && block[at + 12] == 0) return;
    if (out.size() >= kMaxExtents) bad_tar("sparse file has too many parts");
    out.push_back({size_field(block, at), size_field(block, at + 12)});
  }
}

void read_name(std::span<const std::uint8_t> block, TarHeader& h) {
  h.name = text_field(block, 0, 100);
  h.link = text_field(block, 157, 100);
  if (field(block, 257, 8) == std::string_view("ustar  \0", 8) || field(block, 257, 5) != "ustar") return;  // GNU, v7
  const bool star = field(block, 508, 4) == std::string_view("tar\0", 4);
  const std::string prefix = text_field(block, 345, star ? 131 : 155);
  if (!prefix.empty()) h.name = cat(prefix, "/", h.name);
}

}  // namespace

void bad_tar(std::string_view why) { throw Error(Errc::invalid, cat("error extracting tarball: ", why)); }

bool is_zero_block(std::span<const std::uint8_t> block) {
  return std::ranges::all_of(block, [](std::uint8_t b) { return b == 0; });
}

TarHeader parse_tar_header(std::span<const std::uint8_t> block) {
  if (block.size() != kTarBlock || !checksum_matches(block)) bad_tar("invalid tar header");
  TarHeader h;
  h.type = static_cast<char>(block[156]);
  read_name(block, h);
  h.mode = static_cast<std::uint32_t>(number_field(block, 100, 8) & 07777);
  h.uid = number_field(block, 108, 8);
  h.gid = number_field(block, 116, 8);
  h.size = size_field(block, 124);
  h.mtime = number_field(block, 136, 12);
  if (h.type == '3' || h.type == '4') {
    h.device_major = number_field(block, 329, 8);
    h.device_minor = number_field(block, 337, 8);
  }
  if (h.type == 'S') {
    read_extents(block, 386, 4, h.extents);
    h.more_extents = block[482] != 0;
    h.real_size = size_field(block, 483);
  }
  return h;
}

bool parse_more_extents(std::span<const std::uint8_t> block, std::vector<Extent>& extents) {
  read_extents(block, 0, 21, extents);
  return block[504] != 0;
}

void check_extents(const std::vector<Extent>& extents, std::uint64_t real_size, std::uint64_t stored) {
  std::uint64_t end = 0, sum = 0;
  for (const auto& e : extents) {
    if (e.offset < end || e.offset > real_size || e.size > real_size - e.offset) bad_tar("sparse file has a bad map");
    end = e.offset + e.size;
    sum += e.size;
  }
  if (sum != stored) bad_tar("sparse file has a bad map");
}

}  // namespace rkt::unpack
