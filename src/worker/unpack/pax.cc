// SPDX-License-Identifier: Apache-2.0
// The records of pax extended headers: "LENGTH KEYWORD=VALUE\n", where LENGTH counts the whole record.
#include <algorithm>
#include <array>
#include <limits>

#include "base/base64.h"
#include "base/escapes.h"
#include "base/strings.h"
#include "worker/unpack/tar_header.h"

namespace rkt::unpack {
namespace {

constexpr std::string_view kSchily = "SCHILY.xattr.", kLibarchive = "LIBARCHIVE.xattr.", kSparse = "GNU.sparse.";

template <class T>
T number(std::string_view value) {
  const auto n = parse_int<T>(value);
  if (!n) bad_tar("number in a pax header is malformed");
  return *n;
}

std::uint64_t unsigned_number(std::string_view value) {
  const auto n = number<std::uint64_t>(value);
  if (n > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    bad_tar("number in a pax header is too large");
  return n;
}

std::string path_value(std::string_view value) {
  if (value.contains('\0')) bad_tar("path in a pax header holds a zero byte");
  return std::string(value);
}

// libarchive writes attributes with the name percent-encoded and the value in base64, without padding.
std::pair<std::string, std::string> libarchive_attribute(std::string_view name, std::string_view value) {
  auto bytes = base64_decode(value);
  if (!bytes) bad_tar("extended attribute in a pax header is malformed");
  return {percent_decode(name).value_or(std::string(name)), std::move(*bytes)};
}

void read_sparse_map(std::string_view value, std::vector<Extent>& extents) {
  const auto numbers = split(value, ',');
  if (numbers.size() % 2 != 0 || numbers.size() / 2 > kMaxExtents) bad_tar("sparse file has a bad map");
  for (std::size_t i = 0; i + 1 < numbers.size(); i += 2)
    extents.push_back({unsigned_number(numbers[i]), unsigned_number(numbers[i + 1])});
}

void apply_sparse(PaxSparse& sparse, std::string_view key, std::string_view value) {
  if (key == "major") {
    sparse.map_in_data = value == "1";
    if (value != "0" && value != "1") bad_tar(cat("sparse file of version ", quoted(value), " is not supported"));
  } else if (key == "name") {
    sparse.name = path_value(value);
  } else if (key == "realsize" || key == "size") {
    sparse.real_size = unsigned_number(value);
  } else if (key == "offset") {
    if (sparse.extents.size() >= kMaxExtents) bad_tar("sparse file has too many parts");
    sparse.extents.push_back({unsigned_number(value), 0});
  } else if (key == "numbytes") {
    if (sparse.extents.empty()) bad_tar("sparse file has a bad map");
    sparse.extents.back().size = unsigned_number(value);
  } else if (key == "map") {
    read_sparse_map(value, sparse.extents);
  }
}

void apply_record(PaxHeader& h, std::string_view key, std::string_view value) {
  if (key.starts_with(kSchily)) {
    h.xattrs.emplace_back(key.substr(kSchily.size()), value);
  } else if (key.starts_with(kLibarchive)) {
    h.xattrs.push_back(libarchive_attribute(key.substr(kLibarchive.size()), value));
  } else if (key.starts_with(kSparse)) {
    if (!h.sparse) h.sparse.emplace();
    apply_sparse(*h.sparse, key.substr(kSparse.size()), value);
  } else if (value.empty()) {
    return;  // "as if the record were not there"
  } else if (key == "path") {
    h.path = path_value(value);
  } else if (key == "linkpath") {
    h.link_path = path_value(value);
  } else if (key == "size") {
    h.size = unsigned_number(value);
  } else if (key == "uid") {
    h.uid = number<std::int64_t>(value);
  } else if (key == "gid") {
    h.gid = number<std::int64_t>(value);
  } else if (key == "mtime" || key == "atime") {
    const auto time = parse_pax_time(value);
    if (!time) bad_tar("time in a pax header is malformed");
    (key == "mtime" ? h.mtime : h.atime) = time;
  }
}

}  // namespace

std::optional<timespec> parse_pax_time(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto dot = text.find('.');
  const auto seconds = parse_int<std::uint64_t>(text.substr(0, dot));
  if (!seconds || *seconds > static_cast<std::uint64_t>(INT64_MAX / 2)) return std::nullopt;
  long nanoseconds = 0;
  if (dot != std::string_view::npos) {
    std::string digits(text.substr(dot + 1));
    if (!std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
    digits.resize(9, '0');
    nanoseconds = *parse_int<long>(digits);
  }
  const auto whole = static_cast<std::int64_t>(*seconds);
  if (!negative) return timespec{whole, nanoseconds};
  if (nanoseconds == 0) return timespec{-whole, 0};
  return timespec{-whole - 1, 1'000'000'000 - nanoseconds};
}

PaxHeader parse_pax(std::string_view text) {
  PaxHeader out;
  while (!text.empty()) {
    const auto blank = text.find(' ');
    const auto length = blank > 20 ? std::nullopt : parse_int<std::size_t>(text.substr(0, blank));
    if (!length || *length <= blank + 1 || *length > text.size() || text[*length - 1] != '\n')
      bad_tar("pax header is malformed");
    const auto record = text.substr(blank + 1, *length - blank - 2);
    const auto equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) bad_tar("pax header is malformed");
    apply_record(out, record.substr(0, equals), record.substr(equals + 1));
    text.remove_prefix(*length);
  }
  return out;
}

}  // namespace rkt::unpack
