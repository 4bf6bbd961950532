// SPDX-License-Identifier: Apache-2.0
// What is ambiguous is decided as Go's archive/tar decides it, which wrote most images: links, devices and directories
// have no content whatever their size says, and the archive ends at two blocks of zeros or at the end of the bytes.
#include "worker/unpack/tar.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/strings.h"
#include "sys/mount_place.h"

namespace rkt::unpack {
namespace {

constexpr std::size_t kMaxSpecial = std::size_t{1} << 20;  // a pax header or a long name; as Go

[[noreturn]] void refuse(const Entry& e, std::string_view why) {
  throw Error(Errc::invalid, cat("archive entry ", quoted(e.name), " ", why));
}

std::uint64_t padding_of(std::uint64_t size) { return (kTarBlock - size % kTarBlock) % kTarBlock; }

Entry::Type type_of(char type, const Entry& e) {
  switch (type) {
    case '\0':
      if (e.name.ends_with('/')) return Entry::Type::directory;  // v7 had no type for them
      return Entry::Type::regular;
    case '0':
    case '7':
    case 'S':
      return Entry::Type::regular;
    case '1':
      return Entry::Type::hard_link;
    case '2':
      return Entry::Type::symlink;
    case '3':
      return Entry::Type::char_device;
    case '4':
      return Entry::Type::block_device;
    case '5':
    case 'D':
      return Entry::Type::directory;
    case '6':
      return Entry::Type::fifo;
    default:
      refuse(e, cat("has an unsupported type: ", static_cast<int>(static_cast<unsigned char>(type))));
  }
}

// The all-ones id means "leave it" to chown.
std::uint32_t id_of(std::int64_t id, const Entry& e) {
  if (id < 0 || id >= std::numeric_limits<std::uint32_t>::max()) refuse(e, cat("has the owner ", id));
  return static_cast<std::uint32_t>(id);
}

dev_t device_of(const TarHeader& h, const Entry& e) {
  if (h.device_major < 0 || h.device_major >= (1 << 12) || h.device_minor < 0 || h.device_minor >= (1 << 20))
    refuse(e, "has a device number that Linux does not have");
  return makedev(static_cast<unsigned>(h.device_major), static_cast<unsigned>(h.device_minor));
}

Attributes attributes_of(const TarHeader& h, PaxHeader& pax, const Entry& e) {
  Attributes a{
      .mode = h.mode, .uid = id_of(pax.uid.value_or(h.uid), e), .gid = id_of(pax.gid.value_or(h.gid), e), .xattrs = {}};
  a.mtime = pax.mtime.value_or(timespec{h.mtime, 0});
  a.atime = pax.atime.value_or(a.mtime);
  for (auto& x : pax.xattrs)
    if (keep_xattr(x.first)) a.xattrs.push_back(std::move(x));
  return a;
}

}  // namespace

bool keep_xattr(std::string_view name) {
  if (name.contains('\0')) return false;
  if (name == "security.capability") return true;
  if (name == kPlaceMark) return false;  // nobody brings it
  return name.starts_with("user.") && name.size() > 5 && !name.starts_with("user.overlay.");
}

std::span<const std::uint8_t> TarReader::take(std::uint64_t most) {
  if (ahead_.empty()) ahead_ = stream_.next();
  if (ahead_.empty()) bad_tar("truncated tar archive");
  const auto got = ahead_.first(static_cast<std::size_t>(std::min<std::uint64_t>(most, ahead_.size())));
  ahead_ = ahead_.subspan(got.size());
  return got;
}

std::size_t TarReader::read_block(std::span<std::uint8_t> block) {
  std::size_t have = 0;
  while (have < block.size()) {
    if (ahead_.empty()) ahead_ = stream_.next();
    if (ahead_.empty()) break;
    const auto got = take(block.size() - have);
    std::memcpy(block.data() + have, got.data(), got.size());
    have += got.size();
  }
  return have;
}

void TarReader::need_block(std::span<std::uint8_t> block) {
  if (read_block(block) != block.size()) bad_tar("truncated tar archive");
}

void TarReader::skip(std::uint64_t n) {
  while (n > 0) n -= take(n).size();
}

bool TarReader::at_end() {
  if (ahead_.empty()) ahead_ = stream_.next();
  return ahead_.empty();
}

std::string TarReader::read_special(std::uint64_t size) {
  if (size > kMaxSpecial) bad_tar("extended header is too large");
  std::string out(size, '\0');
  need_block({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  skip(padding_of(size));
  return out;
}

bool TarReader::next_header(TarHeader& header) {
  std::array<std::uint8_t, kTarBlock> block{};
  std::size_t got = read_block(block);
  if (got == 0) return false;
  if (got == block.size() && is_zero_block(block)) {
    got = read_block(block);
    if (got == 0 || is_zero_block(std::span(block).first(got))) return false;
    bad_tar("invalid tar header");
  }
  if (got != block.size()) bad_tar("truncated tar archive");
  header = parse_tar_header(block);
  while (header.more_extents) {
    need_block(block);
    header.more_extents = parse_more_extents(block, header.extents);
  }
  return true;
}

bool TarReader::next(Entry& entry) {
  skip(std::exchange(stored_, 0));
  // Some writers (umoci insert) end with the last byte of a file, without what fills its block.
  if (padding_ != 0 && at_end()) return false;
  skip(std::exchange(padding_, 0));
  PaxHeader pax;
  std::optional<std::string> long_name, long_link;
  TarHeader header;
  while (next_header(header)) {
    switch (header.type) {
      case 'x':
      case 'X':
        pax = parse_pax(read_special(header.size));
        break;
      case 'L':
        long_name = read_special(header.size);
        break;
      case 'K':
        long_link = read_special(header.size);
        break;
      case 'g':  // pax defaults for all that follow: builders put comments there
      case 'V':  // a label
        skip(header.size);
        skip(padding_of(header.size));
        break;
      default:
        if (long_name) header.name = long_name->substr(0, long_name->find('\0'));
        if (long_link) header.link = long_link->substr(0, long_link->find('\0'));
        finish_entry(entry, header, pax);
        return true;
    }
  }
  return false;
}

void TarReader::finish_entry(Entry& entry, const TarHeader& header, PaxHeader& pax) {
  entry = Entry{};
  entry.name = pax.path.value_or(header.name);
  if (pax.sparse && pax.sparse->name) entry.name = *pax.sparse->name;
  entry.type = type_of(header.type, entry);
  entry.attributes = attributes_of(header, pax, entry);
  if (entry.type == Entry::Type::hard_link || entry.type == Entry::Type::symlink)
    entry.target = pax.link_path.value_or(header.link);
  if (entry.type == Entry::Type::char_device || entry.type == Entry::Type::block_device)
    entry.device = device_of(header, entry);
  extents_.clear();
  if (header.type == 'D') {  // a GNU directory listing: not wanted
    stored_ = pax.size.value_or(header.size);
    padding_ = padding_of(stored_);
  }
  if (entry.type == Entry::Type::regular) set_extents(header, pax, entry.size);
}

void TarReader::set_extents(const TarHeader& header, PaxHeader& pax, std::uint64_t& size) {
  stored_ = pax.size.value_or(header.size);
  padding_ = padding_of(stored_);
  size = stored_;
  if (header.type == 'S') {
    size = header.real_size;
    extents_ = header.extents;
  } else if (pax.sparse && pax.sparse->real_size) {
    size = *pax.sparse->real_size;
    if (pax.sparse->map_in_data)
      read_sparse_map();
    else
      extents_ = std::move(pax.sparse->extents);
  } else {
    extents_ = {{0, size}};
  }
  check_extents(extents_, size, stored_);
}

// Decimal numbers, each on a line: how many extents, then offset and size of each; filled up to a whole block.
void TarReader::read_sparse_map() {
  std::array<std::uint8_t, kTarBlock> block{};
  std::string_view text;
  const auto number = [&] {
    std::string digits;
    for (;;) {
      if (text.empty()) {
        if (stored_ < block.size()) bad_tar("sparse file has a bad map");
        need_block(block);
        stored_ -= block.size();
        text = {reinterpret_cast<const char*>(block.data()), block.size()};
      }
      const char c = text.front();
      text.remove_prefix(1);
      if (c == '\n') break;
      digits.push_back(c);
      if (digits.size() > 20) bad_tar("sparse file has a bad map");
    }
    const auto n = parse_int<std::uint64_t>(digits);
    if (!n) bad_tar("sparse file has a bad map");
    return *n;
  };
  const std::uint64_t count = number();
  if (count > kMaxExtents) bad_tar("sparse file has too many parts");
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t offset = number();
    extents_.push_back({offset, number()});
  }
}

void TarReader::data(const OnData& on_data) {
  for (const auto& extent : std::exchange(extents_, {})) {
    std::uint64_t done = 0;
    while (done < extent.size) {
      const auto bytes = take(extent.size - done);
      on_data(bytes, extent.offset + done);
      done += bytes.size();
      stored_ -= bytes.size();
    }
  }
}

std::string TarReader::text(std::size_t limit) {
  std::string out;
  data([&](std::span<const std::uint8_t> bytes, std::uint64_t offset) {
    if (offset > limit || bytes.size() > limit - offset)
      throw Error(Errc::invalid, cat("archive entry is larger than ", limit, " bytes"));
    out.resize(offset, '\0');
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
  return out;
}

}  // namespace rkt::unpack
