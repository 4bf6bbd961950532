// SPDX-License-Identifier: Apache-2.0
// Entries of a tar stream: v7, ustar, pax, GNU long names, all sparse forms. Names are bytes, exactly as written.
#pragma once

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "worker/unpack/stream.h"
#include "worker/unpack/tar_header.h"

namespace rkt::unpack {

struct Attributes {
  mode_t mode = 0755;  ///< permission and set-id bits
  uid_t uid = 0;
  gid_t gid = 0;
  timespec mtime{}, atime{};
  std::vector<std::pair<std::string, std::string>> xattrs;  ///< only those that keep_xattr() admits
};

struct Entry {
  enum class Type { regular, directory, symlink, hard_link, char_device, block_device, fifo };
  Type type = Type::regular;
  std::string name;        ///< raw: goes through clean_name() before use
  std::string target;      ///< of links, raw
  std::uint64_t size = 0;  ///< of regular files, holes included
  dev_t device = 0;
  Attributes attributes;
};

/// Which extended attributes of an archive are applied: user.* (but not overlayfs' own user.overlay.*, which would
/// change what the finished tree means) and file capabilities. Everything else is dropped, above all trusted.*.
bool keep_xattr(std::string_view name);

class TarReader {
 public:
  explicit TarReader(ArchiveStream& stream) : stream_(stream) {}

  /// The next entry; false at the end. Throws Errc::invalid for a damaged archive, and for bytes that are no tar
  /// archive.
  bool next(Entry& entry);
  /// Content of the current entry, in order; gaps between the pieces are holes.
  using OnData = std::function<void(std::span<const std::uint8_t> bytes, std::uint64_t offset)>;
  void data(const OnData& on_data);
  /// Content of the current entry as one string. Throws when there is more than `limit`.
  std::string text(std::size_t limit);

 private:
  std::span<const std::uint8_t> take(std::uint64_t most);  // at least one byte; throws at the end
  std::size_t read_block(std::span<std::uint8_t> block);   // less than all of it only at the end
  void need_block(std::span<std::uint8_t> block);
  void skip(std::uint64_t n);
  bool at_end();
  std::string read_special(std::uint64_t size);  // content of a header that is itself an entry
  bool next_header(TarHeader& header);
  void read_sparse_map();  // version 1.0: in front of the content
  void finish_entry(Entry& entry, const TarHeader& header, PaxHeader& pax);
  void set_extents(const TarHeader& header, PaxHeader& pax, std::uint64_t& size);

  ArchiveStream& stream_;
  std::span<const std::uint8_t> ahead_;  // read from the stream, not yet used
  std::vector<Extent> extents_;          // content of the current entry
  std::uint64_t stored_ = 0;             // bytes of the current entry that are still in the archive
  std::uint64_t padding_ = 0;            // and what fills its last block
};

}  // namespace rkt::unpack
