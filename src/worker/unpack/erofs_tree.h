// SPDX-License-Identifier: Apache-2.0
// A new tree as one EROFS file (erofs_format.h), written in one pass: contents go to the file as they come, inodes to a
// spool, and only names and directories stay in memory until the end, when both follow. Nothing here needs a privilege:
// owners, devices, file capabilities and opaque marks are bytes like others.
//
// The same entries in the same order give the same file. What was replaced or removed stays in it as bytes that nothing
// points to. Access times are not kept: EROFS has one time.
//
// Throws Errc::unsupported for what this form cannot hold within its bounds: more names than fit in memory, holes in
// files above 4 GiB, attributes of 64 KiB. Such a tree is made as directories.
#pragma once

#include <array>
#include <deque>
#include <unordered_map>

#include "worker/unpack/block_writer.h"
#include "worker/unpack/name_table.h"
#include "worker/unpack/new_tree.h"

namespace rkt::unpack {

class ErofsTree final : public NewTree {
 public:
  using Uuid = std::array<std::uint8_t, 16>;
  /// Both files are empty, and borrowed; `scratch` holds nothing of use afterwards.
  ErofsTree(int image, int scratch, const Uuid& uuid);
  std::shared_ptr<NewDirectory> root() override;
  std::shared_ptr<NewDirectory> find_directory(const std::string& path) override;
  void mark_opaque(const std::string& path) override;
  void finish() override;
  const std::string& digest() const noexcept { return digest_; }  ///< fs-verity's, after finish()
  std::uint64_t bytes() const noexcept { return bytes_; }         ///< size of the file, after finish()

 private:
  class Directory;
  class File;
  class Listing;
  struct Dir {
    std::uint32_t parent = 0;
    std::uint32_t number = 0;
    std::uint16_t mode = 0;
    bool opaque = false, removed = false, inline_tail = false;
    std::uint32_t uid = 0, gid = 0, mtime_nsec = 0;
    std::int64_t mtime = 0;
    std::uint32_t xattrs = 0;  // 0, or 1 + index in dir_xattrs_
    // Filled by finish():
    std::uint32_t first = 0, count = 0;  // its names in order_
    std::uint32_t subdirectories = 0, blocks = 0, first_block = 0;
    std::uint64_t size = 0, at = 0;  // at: of the inode, in the metadata
  };

  std::uint32_t find_index(const std::string& path) const;  // kNone: not there, or not a directory
  std::uint32_t add_directory(std::uint32_t parent, const Attributes& attributes);
  void set_attributes(Dir& dir, const Attributes& attributes);
  void add_name(std::uint32_t parent, const std::string& name, std::uint8_t type, std::uint32_t target);
  std::uint32_t add_inode(erofs::Inode inode, const Attributes& attributes, bool with_xattrs,
                          std::span<const std::uint8_t> tail, bool tail_in_one_block);
  std::string link_target(std::uint32_t slot) const;
  std::vector<std::uint8_t> xattrs_of(const Dir& dir) const;

  void order_names();
  void count_links();
  void lay_out(Dir& dir, const Listing& listing);
  void write_blocks(const Listing& listing, std::uint32_t blocks);
  void write_inode(std::uint32_t index, const Listing& listing);
  std::uint64_t nid_of(const NameTable::Entry& entry) const;

  Uuid uuid_;
  BlockWriter out_;
  Spool inodes_;
  NameTable names_;
  std::deque<Dir> dirs_;
  std::deque<std::vector<std::uint8_t>> dir_xattrs_;
  std::size_t dir_xattrs_size_ = 0;
  std::unordered_map<std::uint32_t, std::uint32_t> links_;  // inodes with several names -> how many, at the end
  std::uint32_t next_number_ = 1;
  bool has_holes_ = false;

  // finish():
  std::vector<std::uint32_t> order_;   // names that count, by directory and name
  std::uint64_t directories_end_ = 0;  // of the inodes of directories, in the metadata
  std::uint64_t written_metadata_ = 0, further_names_ = 0;
  std::string digest_;
  std::uint64_t bytes_ = 0;
};

}  // namespace rkt::unpack
