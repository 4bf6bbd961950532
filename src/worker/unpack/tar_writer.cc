// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/tar_writer.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::unpack {
namespace {

// Of a ustar header: where a field begins, and how long it is.
struct Field {
  std::size_t at, size;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12}, kMtime{136, 12},
    kChecksum{148, 8}, kLink{157, 100}, kMajor{329, 8}, kMinor{337, 8};
constexpr std::size_t kTypeAt = 156, kMagicAt = 257;
constexpr std::string_view kMagic("ustar\00000", 8);

using Block = std::array<std::uint8_t, kTarBlock>;

constexpr std::uint64_t most(Field f) { return (std::uint64_t{1} << (3 * (f.size - 1))) - 1; }
bool fits(std::int64_t n, Field f) { return n >= 0 && static_cast<std::uint64_t>(n) <= most(f); }

void put(Block& block, Field f, std::string_view text) {
  std::memcpy(block.data() + f.at, text.data(), std::min(text.size(), f.size));
}

// Octal and a zero byte. What does not fit is in the pax header; here it is 0.
void put(Block& block, Field f, std::uint64_t n) {
  if (n > most(f)) n = 0;
  for (std::size_t i = f.size - 1; i-- > 0; n >>= 3) block[f.at + i] = static_cast<std::uint8_t>('0' + (n & 7));
}

char type_letter(Entry::Type type) {
  switch (type) {
    case Entry::Type::regular:
      return '0';
    case Entry::Type::hard_link:
      return '1';
    case Entry::Type::symlink:
      return '2';
    case Entry::Type::char_device:
      return '3';
    case Entry::Type::block_device:
      return '4';
    case Entry::Type::directory:
      return '5';
    case Entry::Type::fifo:
      return '6';
  }
  return '0';
}

// "LENGTH KEYWORD=VALUE\n", where LENGTH counts itself too.
void add_record(std::string& records, std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (cat(length).size() + rest != length) length = cat(length).size() + rest;
  records += cat(length, " ", key, "=", value, "\n");
}

bool is_sparse(const Entry& entry, const std::vector<Extent>& extents) {
  return entry.type == Entry::Type::regular &&
         !(extents.size() == 1 && extents[0].offset == 0 && extents[0].size == entry.size) && entry.size > 0;
}

// Version 1.0: the map lies in front of the data, in whole blocks.
std::string sparse_map(const std::vector<Extent>& extents, std::uint64_t size) {
  std::vector<Extent> all = extents;
  if (all.empty() || all.back().offset + all.back().size < size) all.push_back({size, 0});  // the hole at the end
  std::string out = cat(all.size(), "\n");
  for (const auto& e : all) out += cat(e.offset, "\n", e.size, "\n");
  out.resize((out.size() + kTarBlock - 1) / kTarBlock * kTarBlock, '\0');
  return out;
}

std::string pax_records(const Entry& entry, bool sparse, std::uint64_t stored) {
  std::string out;
  const auto& a = entry.attributes;
  if (sparse) {
    add_record(out, "GNU.sparse.major", "1");
    add_record(out, "GNU.sparse.minor", "0");
    add_record(out, "GNU.sparse.name", entry.name);
    add_record(out, "GNU.sparse.realsize", cat(entry.size));
  } else if (entry.name.size() > kName.size) {
    add_record(out, "path", entry.name);
  }
  if (entry.target.size() > kLink.size) add_record(out, "linkpath", entry.target);
  if (stored > most(kSize)) add_record(out, "size", cat(stored));
  if (!fits(a.uid, kUid)) add_record(out, "uid", cat(a.uid));
  if (!fits(a.gid, kGid)) add_record(out, "gid", cat(a.gid));
  if (!fits(a.mtime.tv_sec, kMtime)) add_record(out, "mtime", cat(a.mtime.tv_sec));
  for (const auto& [name, value] : a.xattrs) add_record(out, cat("SCHILY.xattr.", name), value);
  return out;
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

void TarWriter::header(char type, const Entry& entry, std::string_view name, std::uint64_t size) {
  Block block{};
  const auto& a = entry.attributes;
  put(block, kName, name);
  put(block, kMode, a.mode);
  put(block, kUid, a.uid);
  put(block, kGid, a.gid);
  put(block, kSize, size);
  put(block, kMtime, static_cast<std::uint64_t>(std::max<std::int64_t>(a.mtime.tv_sec, 0)));
  block[kTypeAt] = static_cast<std::uint8_t>(type);
  put(block, kLink, entry.target);
  std::memcpy(block.data() + kMagicAt, kMagic.data(), kMagic.size());
  put(block, kMajor, std::uint64_t{major(entry.device)});
  put(block, kMinor, std::uint64_t{minor(entry.device)});
  put(block, kChecksum, "        ");
  std::uint64_t sum = 0;
  for (const auto byte : block) sum += byte;
  put(block, {kChecksum.at, 7}, sum);
  sink_(block);
}

void TarWriter::pad() {
  static constexpr Block kZeros{};
  if (const auto over = written_ % kTarBlock; over != 0) sink_(std::span(kZeros).first(kTarBlock - over));
  written_ = 0;
}

void TarWriter::entry(const Entry& entry, const std::vector<Extent>& extents) {
  pad();
  const bool sparse = is_sparse(entry, extents);
  const std::string map = sparse ? sparse_map(extents, entry.size) : "";
  std::uint64_t stored = map.size();
  if (entry.type == Entry::Type::regular)
    for (const auto& e : extents) stored += e.size;
  if (const std::string records = pax_records(entry, sparse, stored); !records.empty()) {
    header('x', {.name = {}, .target = {}}, "PaxHeaders/x", records.size());
    data(bytes_of(records));
    pad();
  }
  header(type_letter(entry.type), entry, sparse ? "GNUSparseFile.0/x" : std::string_view(entry.name), stored);
  if (sparse) data(bytes_of(map));
}

void TarWriter::data(std::span<const std::uint8_t> bytes) {
  sink_(bytes);
  written_ += bytes.size();
}

void TarWriter::finish() {
  pad();
  static constexpr std::array<std::uint8_t, 2 * kTarBlock> kEnd{};
  sink_(kEnd);
}

}  // namespace rkt::unpack
