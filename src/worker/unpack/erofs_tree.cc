// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/erofs_tree.h"

#include <isa-l/crc.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/strings.h"
#include "worker/unpack/erofs_listing.h"
#include "worker/unpack/erofs_xattrs.h"

namespace rkt::unpack {
namespace {

using erofs::Inode;
using erofs::kBlock;
using erofs::round_up;

constexpr std::size_t kMemory = std::size_t{50} << 20;     // of names and directories
constexpr std::uint64_t kMaxMap = std::uint64_t{1} << 20;  // blocks of a file with holes
constexpr std::size_t kMaxInlineTail = kBlock / 2;         // of a directory; what is larger gets a block
constexpr std::uint64_t kFirstInode = 64;                  // number 0 means "no inode" to many a program

template <class T>
std::span<const std::uint8_t> as_bytes(const T& object) {
  return {reinterpret_cast<const std::uint8_t*>(&object), sizeof object};
}

std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::uint16_t format_of(erofs::Layout layout) {
  return static_cast<std::uint16_t>(static_cast<unsigned>(layout) << 1 | 1U);
}

mode_t mode_type(std::uint8_t type) {
  switch (type) {
    case erofs::kRegular:
      return S_IFREG;
    case erofs::kDirectory:
      return S_IFDIR;
    case erofs::kChar:
      return S_IFCHR;
    case erofs::kBlockDevice:
      return S_IFBLK;
    case erofs::kFifo:
      return S_IFIFO;
    default:
      return S_IFLNK;
  }
}

// As the kernel's new_encode_dev().
std::uint32_t encode_device(dev_t device) {
  const auto major = static_cast<std::uint32_t>(major(device)), minor = static_cast<std::uint32_t>(minor(device));
  return (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
}

Inode inode_of(const Attributes& a, mode_t type) {
  return {.mode = static_cast<std::uint16_t>(type | (a.mode & 07777)),
          .uid = a.uid,
          .gid = a.gid,
          .mtime = a.mtime.tv_sec,
          .mtime_nsec = static_cast<std::uint32_t>(a.mtime.tv_nsec)};
}

// Where an inode goes that is followed by `head` bytes from its begin to its inline data. All of it is in one block:
// kernels before 6.12 read no link whose inode ends where a block does.
std::uint64_t place_inode(std::uint64_t at, std::uint64_t head, std::uint64_t tail) {
  at = round_up(at, sizeof(Inode));
  if (tail > 0 && at % kBlock + head + tail > kBlock) at = round_up(at, kBlock);
  return at;
}

bool fits_inline(std::uint64_t head, std::uint64_t tail) { return head + tail <= kBlock; }

}  // namespace

// Contents go straight to the image. Holes of whole blocks are left out: from the first one on, the file has a map that
// says where each of its blocks is.
class ErofsTree::File final : public NewFile {
 public:
  File(ErofsTree& tree, std::uint32_t parent, std::string name, const Attributes& attributes)
      : tree_(tree),
        parent_(parent),
        name_(std::move(name)),
        attributes_(attributes),
        first_block_(tree.out_.block()) {}

  void write(std::span<const std::uint8_t> bytes, std::uint64_t offset) override {
    skip_to(offset);
    tree_.out_.append(bytes);
    end_ += bytes.size();
  }

  void finish(std::uint64_t size) override {
    if (size > end_) {
      // Bytes of the last block that are no hole are zeros anyway.
      const std::uint64_t whole = round_up(size, kBlock);
      skip_to(whole);
    }
    tree_.out_.pad();
    note_blocks(round_up(end_, kBlock) / kBlock);
    Inode inode = inode_of(attributes_, S_IFREG);
    inode.size = size;
    inode.format = format_of(mapped_ ? erofs::Layout::chunks : erofs::Layout::plain);
    inode.place = mapped_ || size == 0 ? 0 : first_block_;  // of a map: blocks as chunks, four bytes each
    tree_.has_holes_ |= mapped_;
    const std::span<const std::uint8_t> map(reinterpret_cast<const std::uint8_t*>(map_.data()), map_.size() * 4);
    tree_.add_name(parent_, name_, erofs::kRegular, tree_.add_inode(inode, attributes_, true, map, false));
  }

 private:
  void skip_to(std::uint64_t offset) {
    if (offset == end_) return;
    const std::uint64_t next = round_up(end_, kBlock);
    if (offset / kBlock * kBlock > next) {
      tree_.out_.pad();
      note_blocks(next / kBlock);
      start_map();
      const std::uint64_t to = offset / kBlock;
      if (to > kMaxMap) throw Error(Errc::unsupported, "holes in a file above 4 GiB");
      map_.resize(to, erofs::kNoBlock);
      end_ = to * kBlock;
    }
    tree_.out_.append_zeros(offset - end_);
    end_ = offset;
  }
  // The blocks up to `count` are written, those behind the last hole one after the other.
  void note_blocks(std::uint64_t count) {
    if (!mapped_ || count <= map_.size()) return;
    if (count > kMaxMap) throw Error(Errc::unsupported, "holes in a file above 4 GiB");
    const std::uint32_t behind = tree_.out_.block();
    for (std::uint64_t left = count - map_.size(); left > 0; --left)
      map_.push_back(behind - static_cast<std::uint32_t>(left));
  }
  void start_map() {
    if (mapped_) return;
    mapped_ = true;
    note_blocks(end_ / kBlock + (end_ % kBlock != 0 ? 1 : 0));
  }

  ErofsTree& tree_;
  std::uint32_t parent_;
  std::string name_;
  Attributes attributes_;
  std::uint32_t first_block_;
  std::uint64_t end_ = 0;  // of what is written
  bool mapped_ = false;
  std::vector<std::uint32_t> map_;
};

class ErofsTree::Directory final : public NewDirectory {
 public:
  Directory(ErofsTree& tree, std::uint32_t index) : tree_(tree), index_(index) {}

  std::optional<Found> find(const std::string& name) const override {
    const std::uint32_t i = tree_.names_.find(index_, name);
    if (i == NameTable::kNone) return std::nullopt;
    return Found{.type = mode_type(tree_.names_.at(i).type)};
  }
  std::string read_link(const std::string& name) const override { return tree_.link_target(entry(name).target); }
  std::shared_ptr<NewDirectory> open(const std::string& name) override {
    return std::make_shared<Directory>(tree_, entry(name).target);
  }
  std::shared_ptr<NewDirectory> make(const std::string& name, const Attributes& attributes) override {
    const std::uint32_t made = tree_.add_directory(index_, attributes);
    tree_.add_name(index_, name, erofs::kDirectory, made);
    return std::make_shared<Directory>(tree_, made);
  }
  void replace_attributes(const Attributes& attributes) override {
    tree_.set_attributes(tree_.dirs_[index_], attributes);
  }
  std::unique_ptr<NewFile> create(const std::string& name, const Attributes& attributes) override {
    if (has(name)) return nullptr;
    return std::make_unique<File>(tree_, index_, name, attributes);
  }
  bool special(const std::string& name, const Entry& what) override {
    if (has(name)) return false;
    switch (what.type) {
      case Entry::Type::symlink:
        add_link(name, what);
        break;
      case Entry::Type::char_device:
        add_node(name, what, S_IFCHR, erofs::kChar);
        break;
      case Entry::Type::block_device:
        add_node(name, what, S_IFBLK, erofs::kBlockDevice);
        break;
      case Entry::Type::fifo:
        add_node(name, what, S_IFIFO, erofs::kFifo);
        break;
      case Entry::Type::regular:
      case Entry::Type::directory:
      case Entry::Type::hard_link:
        throw Error(Errc::bug, "not a special file");
    }
    return true;
  }
  bool whiteout(const std::string& name) override {
    return special(name, {.type = Entry::Type::char_device, .attributes = {.mode = 0, .xattrs = {}}});
  }
  bool link(const std::string& name, const NewDirectory& from, const std::string& from_name) override {
    if (has(name)) return false;
    const auto source = dynamic_cast<const Directory&>(from).entry(from_name);
    tree_.links_.try_emplace(source.target, 0);
    tree_.add_name(index_, name, source.type, source.target);
    return true;
  }
  void remove(const std::string& name) override {
    const std::uint32_t i = tree_.names_.find(index_, name);
    if (i == NameTable::kNone) return;
    const auto& gone = tree_.names_.at(i);
    if (gone.type == erofs::kDirectory) tree_.dirs_[gone.target].removed = true;
    tree_.names_.remove(i);
  }

 private:
  bool has(const std::string& name) const { return tree_.names_.find(index_, name) != NameTable::kNone; }
  NameTable::Entry entry(const std::string& name) const {
    const std::uint32_t i = tree_.names_.find(index_, name);
    if (i == NameTable::kNone) throw Error(Errc::bug, cat("name ", quoted(name), " is gone"));
    return tree_.names_.at(i);
  }
  void add_link(const std::string& name, const Entry& what) {
    if (what.target.empty()) throw Error::from_errno(cat("make the link ", quoted(name)), ENOENT);
    if (what.target.size() >= kBlock) throw Error::from_errno(cat("make the link ", quoted(name)), ENAMETOOLONG);
    Inode inode = inode_of(what.attributes, S_IFLNK);
    inode.mode = S_IFLNK | 0777;
    inode.size = what.target.size();
    std::span<const std::uint8_t> tail = as_bytes(std::string_view(what.target));
    inode.format = format_of(erofs::Layout::inline_tail);
    if (!fits_inline(sizeof inode, tail.size())) {
      inode.format = format_of(erofs::Layout::plain);
      inode.place = tree_.out_.block();
      tree_.out_.append(tail);
      tree_.out_.pad();
      tail = {};
    }
    tree_.add_name(index_, name, erofs::kLink, tree_.add_inode(inode, what.attributes, false, tail, true));
  }
  void add_node(const std::string& name, const Entry& what, mode_t type, std::uint8_t table_type) {
    Inode inode = inode_of(what.attributes, type);
    inode.format = format_of(erofs::Layout::plain);
    inode.place = type == S_IFIFO ? 0 : encode_device(what.device);
    tree_.add_name(index_, name, table_type, tree_.add_inode(inode, what.attributes, false, {}, false));
  }

  ErofsTree& tree_;
  std::uint32_t index_;
};

ErofsTree::ErofsTree(int image, int scratch, const Uuid& uuid) : uuid_(uuid), out_(image), inodes_(scratch) {
  add_directory(0, {});
}

std::shared_ptr<NewDirectory> ErofsTree::root() { return std::make_shared<Directory>(*this, 0); }

std::uint32_t ErofsTree::find_index(const std::string& path) const {
  std::uint32_t dir = 0;
  for (const auto part : split(path, '/')) {
    if (part.empty()) continue;
    const std::uint32_t i = names_.find(dir, part);
    if (i == NameTable::kNone || names_.at(i).type != erofs::kDirectory) return NameTable::kNone;
    dir = names_.at(i).target;
  }
  return dir;
}

std::shared_ptr<NewDirectory> ErofsTree::find_directory(const std::string& path) {
  const std::uint32_t dir = find_index(path);
  return dir == NameTable::kNone ? nullptr : std::make_shared<Directory>(*this, dir);
}

void ErofsTree::mark_opaque(const std::string& path) {
  const std::uint32_t dir = find_index(path);
  if (dir == NameTable::kNone) throw Error(Errc::bug, cat("directory ", quoted(path), " is gone"));
  dirs_[dir].opaque = true;
}

std::uint32_t ErofsTree::add_directory(std::uint32_t parent, const Attributes& attributes) {
  dirs_.push_back({.parent = parent, .number = next_number_++});
  set_attributes(dirs_.back(), attributes);
  return static_cast<std::uint32_t>(dirs_.size() - 1);
}

void ErofsTree::set_attributes(Dir& dir, const Attributes& a) {
  dir.mode = static_cast<std::uint16_t>(S_IFDIR | (a.mode & 07777));
  dir.uid = a.uid;
  dir.gid = a.gid;
  dir.mtime = a.mtime.tv_sec;
  dir.mtime_nsec = static_cast<std::uint32_t>(a.mtime.tv_nsec);
  auto xattrs = erofs::encode_xattrs(a.xattrs);
  if (dir.xattrs != 0) dir_xattrs_size_ -= dir_xattrs_[dir.xattrs - 1].size();
  dir_xattrs_size_ += xattrs.size();
  if (dir.xattrs != 0) {
    dir_xattrs_[dir.xattrs - 1] = std::move(xattrs);
  } else if (!xattrs.empty()) {
    dir_xattrs_.push_back(std::move(xattrs));
    dir.xattrs = static_cast<std::uint32_t>(dir_xattrs_.size());
  }
}

void ErofsTree::add_name(std::uint32_t parent, const std::string& name, std::uint8_t type, std::uint32_t target) {
  names_.add(parent, name, type, target);
  // The order of names, made at the end, takes four bytes each.
  const std::size_t memory = names_.memory() + names_.size() * sizeof(std::uint32_t) + dirs_.size() * sizeof(Dir) +
                             dir_xattrs_.size() * sizeof(decltype(dir_xattrs_)::value_type) + dir_xattrs_size_ +
                             links_.size() * 48;
  if (memory > kMemory) throw Error(Errc::unsupported, "the tree has too many names for one file");
}

std::uint32_t ErofsTree::add_inode(Inode inode, const Attributes& attributes, bool with_xattrs,
                                   std::span<const std::uint8_t> tail, bool tail_in_one_block) {
  const auto xattrs = with_xattrs ? erofs::encode_xattrs(attributes.xattrs) : std::vector<std::uint8_t>();
  inode.number = next_number_++;
  inode.xattr_units = erofs::xattr_units(xattrs);
  const std::uint64_t head = sizeof inode + erofs::xattr_size(xattrs);
  const std::uint64_t at = place_inode(inodes_.size(), head, tail_in_one_block ? tail.size() : 0);
  if (at / erofs::kSlot >= NameTable::kNone) throw Error(Errc::unsupported, "the tree is too large for one file");
  inodes_.append_zeros(at - inodes_.size());
  inodes_.append(as_bytes(inode));
  if (!xattrs.empty()) {
    inodes_.append(as_bytes(erofs::XattrHeader{}));
    inodes_.append(xattrs);
  }
  inodes_.append(tail);
  return static_cast<std::uint32_t>(at / erofs::kSlot);
}

std::string ErofsTree::link_target(std::uint32_t slot) const {
  const std::uint64_t at = std::uint64_t{slot} * erofs::kSlot;
  Inode inode;
  inodes_.read(at, {reinterpret_cast<std::uint8_t*>(&inode), sizeof inode});
  // Written to the image already: nobody means such a link to be on the way to anything.
  if (inode.format != format_of(erofs::Layout::inline_tail)) throw Error(Errc::invalid, "a symbolic link is too long");
  std::string out(inode.size, '\0');
  inodes_.read(at + sizeof inode, {reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  return out;
}

std::vector<std::uint8_t> ErofsTree::xattrs_of(const Dir& dir) const {
  auto out = dir.xattrs == 0 ? std::vector<std::uint8_t>() : dir_xattrs_[dir.xattrs - 1];
  if (dir.opaque) erofs::append_xattr(out, erofs::kPrefixTrusted, "overlay.opaque", "y");
  return out;
}

std::uint64_t ErofsTree::nid_of(const NameTable::Entry& entry) const {
  if (entry.type == erofs::kDirectory) return dirs_[entry.target].at / erofs::kSlot;
  return directories_end_ / erofs::kSlot + entry.target;
}

// Parents stand before their children in dirs_, so one pass tells which directories are still part of the tree.
void ErofsTree::order_names() {
  for (auto& dir : dirs_) dir.removed = dir.removed || dirs_[dir.parent].removed;
  for (std::uint32_t i = 0; i < names_.size(); ++i)
    if (!names_.at(i).removed && !dirs_[names_.at(i).parent].removed) order_.push_back(i);
  std::ranges::sort(order_, [&](std::uint32_t a, std::uint32_t b) {
    const auto &x = names_.at(a), &y = names_.at(b);
    return x.parent != y.parent ? x.parent < y.parent : names_.name(x) < names_.name(y);
  });
  for (std::uint32_t i = 0; i < order_.size(); ++i) {
    const auto& entry = names_.at(order_[i]);
    Dir& dir = dirs_[entry.parent];
    if (dir.count++ == 0) dir.first = i;
    if (entry.type == erofs::kDirectory) ++dir.subdirectories;
  }
}

void ErofsTree::count_links() {
  if (links_.empty()) return;
  for (const std::uint32_t i : order_) {
    const auto& entry = names_.at(i);
    if (entry.type == erofs::kDirectory) continue;
    if (const auto found = links_.find(entry.target); found != links_.end()) ++found->second;
  }
  for (const auto& [slot, count] : links_) {
    if (count == 0) continue;  // all its names were removed
    further_names_ += count - 1;
    inodes_.change(std::uint64_t{slot} * erofs::kSlot + offsetof(Inode, links), as_bytes(count));
  }
}

void ErofsTree::lay_out(Dir& dir, const Listing& listing) {
  const std::uint64_t head = sizeof(Inode) + erofs::xattr_size(xattrs_of(dir));
  std::uint32_t blocks = 0;
  std::size_t last = 0;
  listing.blocks([&](std::uint32_t, std::uint32_t, std::size_t used) {
    ++blocks;
    last = used;
  });
  dir.size = (blocks - 1) * std::uint64_t{kBlock} + last;
  dir.inline_tail = last <= kMaxInlineTail && fits_inline(head, last);
  dir.blocks = blocks - (dir.inline_tail ? 1 : 0);
  dir.at = place_inode(directories_end_, head, dir.inline_tail ? last : 0);
  directories_end_ = dir.at + head + (dir.inline_tail ? last : 0);
}

void ErofsTree::write_blocks(const Listing& listing, std::uint32_t blocks) {
  listing.blocks([&](std::uint32_t first, std::uint32_t end, std::size_t) {
    if (blocks == 0) return;  // the last one stands beside the inode
    --blocks;
    out_.append(listing.encode(first, end));
    out_.pad();
  });
}

void ErofsTree::write_inode(std::uint32_t index, const Listing& listing) {
  const Dir& dir = dirs_[index];
  const auto xattrs = xattrs_of(dir);
  const Inode inode{.format = format_of(dir.inline_tail ? erofs::Layout::inline_tail : erofs::Layout::plain),
                    .xattr_units = erofs::xattr_units(xattrs),
                    .mode = dir.mode,
                    .size = dir.size,
                    .place = dir.blocks == 0 ? 0 : dir.first_block,
                    .number = dir.number,
                    .uid = dir.uid,
                    .gid = dir.gid,
                    .mtime = dir.mtime,
                    .mtime_nsec = dir.mtime_nsec,
                    .links = dir.subdirectories + 2};
  const auto put = [&](std::span<const std::uint8_t> bytes) {
    out_.append(bytes);
    written_metadata_ += bytes.size();
  };
  out_.append_zeros(dir.at - written_metadata_);
  written_metadata_ = dir.at;
  put(as_bytes(inode));
  if (!xattrs.empty()) {
    put(as_bytes(erofs::XattrHeader{}));
    put(xattrs);
  }
  if (!dir.inline_tail) return;
  listing.blocks([&](std::uint32_t first, std::uint32_t end, std::size_t) {
    if (end == listing.size()) put(listing.encode(first, end));
  });
}

void ErofsTree::finish() {
  order_names();
  count_links();
  directories_end_ = kFirstInode;
  for (std::uint32_t i = 0; i < dirs_.size(); ++i) {
    if (!dirs_[i].removed) lay_out(dirs_[i], Listing(*this, i));
  }
  directories_end_ = round_up(directories_end_, kBlock);
  for (std::uint32_t i = 0; i < dirs_.size(); ++i) {
    Dir& dir = dirs_[i];
    if (dir.removed || dir.blocks == 0) continue;
    dir.first_block = out_.block();
    write_blocks(Listing(*this, i), dir.blocks);
  }
  erofs::Super super;
  super.meta_block = out_.block();
  for (std::uint32_t i = 0; i < dirs_.size(); ++i)
    if (!dirs_[i].removed) write_inode(i, Listing(*this, i));
  out_.append_zeros(directories_end_ - written_metadata_);
  inodes_.copy_to(out_);
  out_.pad();
  super.root_nid = static_cast<std::uint16_t>(dirs_.front().at / erofs::kSlot);
  super.inodes = 1 + order_.size() - further_names_;
  super.blocks = out_.block();
  super.incompat = has_holes_ ? erofs::kIncompatChunks : 0;
  std::ranges::copy(uuid_, super.uuid);
  std::array<std::uint8_t, kBlock> first{};
  std::memcpy(first.data() + erofs::kSuperOffset, &super, sizeof super);
  // Over the rest of the block, the checksum itself as zero; without the usual inversion at the end.
  super.checksum = crc32_iscsi(first.data() + erofs::kSuperOffset, static_cast<int>(kBlock - erofs::kSuperOffset), ~0U);
  std::memcpy(first.data() + erofs::kSuperOffset, &super, sizeof super);
  bytes_ = std::uint64_t{super.blocks} * kBlock;
  digest_ = out_.finish(first);
}

}  // namespace rkt::unpack
