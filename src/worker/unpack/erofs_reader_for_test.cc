// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/erofs_reader_for_test.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace rkt::unpack::test {
namespace {

void require(bool good, const std::string& what) {
  if (!good) throw std::runtime_error("erofs: " + what);
}

bool type_fits(std::uint8_t type, mode_t mode) {
  const std::map<std::uint8_t, mode_t> types = {{1, S_IFREG}, {2, S_IFDIR}, {3, S_IFCHR},
                                                {4, S_IFBLK}, {5, S_IFIFO}, {7, S_IFLNK}};
  return types.contains(type) && types.at(type) == mode;
}

std::vector<std::pair<erofs::DirEntry, std::string>> entries(const std::string& block, bool last_block) {
  std::vector<std::pair<erofs::DirEntry, std::string>> out;
  const auto entry_at = [&](std::size_t i) {
    erofs::DirEntry e;
    require((i + 1) * sizeof e <= block.size(), "directory block");
    std::memcpy(&e, block.data() + i * sizeof e, sizeof e);
    return e;
  };
  const std::size_t n = entry_at(0).name_offset / sizeof(erofs::DirEntry);
  require(n > 0 && entry_at(0).name_offset % sizeof(erofs::DirEntry) == 0, "directory block");
  for (std::size_t i = 0; i < n; ++i) {
    const auto e = entry_at(i);
    std::size_t end = i + 1 < n ? std::size_t{entry_at(i + 1).name_offset} : block.size();
    require(e.name_offset < end && end <= block.size() && e.reserved == 0, "name offset");
    std::string name = block.substr(e.name_offset, end - e.name_offset);
    if (i + 1 == n && !last_block) name = name.substr(0, name.find('\0'));
    require(!name.empty() && name.size() <= 255, "name");
    out.emplace_back(e, name);
  }
  return out;
}

}  // namespace

template <class T>
T ErofsReader::at(std::uint64_t offset) const {
  require(offset + sizeof(T) <= image_.size(), "offset");
  T out;
  std::memcpy(&out, image_.data() + offset, sizeof out);
  return out;
}

std::string ErofsReader::bytes(std::uint64_t offset, std::uint64_t n) const {
  require(offset <= image_.size() && n <= image_.size() - offset, "range");
  return image_.substr(offset, n);
}

std::uint32_t ErofsReader::checksum() const {
  std::string block = bytes(erofs::kSuperOffset, erofs::kBlock - erofs::kSuperOffset);
  std::memset(block.data() + 4, 0, 4);
  std::uint32_t crc = ~0U;
  for (const char c : block) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
  }
  return crc;
}

ErofsReader::ErofsReader(std::string image) : image_(std::move(image)) {
  require(image_.size() % erofs::kBlock == 0 && image_.size() >= 2 * erofs::kBlock, "size");
  super_ = at<erofs::Super>(erofs::kSuperOffset);
  require(super_.magic == erofs::kMagic && super_.block_bits == erofs::kBlockBits, "superblock");
  require(super_.blocks == image_.size() / erofs::kBlock, "number of blocks");
  require(super_.compat == 3 && (super_.incompat & ~erofs::kIncompatChunks) == 0, "features");
  require(super_.checksum == checksum(), "checksum");
  require(super_.meta_block > 0 && super_.meta_block < super_.blocks, "metadata");
  walk(super_.root_nid, super_.root_nid, "", erofs::kDirectory);
  std::set<std::uint64_t> inodes;
  for (const auto& [path, node] : nodes_) inodes.insert(node.nid);
  require(super_.inodes == inodes.size(), "number of inodes");
  for (const auto& [path, node] : nodes_)
    require(node.inode.links == (node.type() == S_IFDIR ? 2 + subdirectories_[path] : names_[node.nid]),
            "links of " + path);
}

const ErofsReader::Node& ErofsReader::node(const std::string& path) const {
  const auto found = nodes_.find(path);
  require(found != nodes_.end(), "there is no " + path);
  return found->second;
}

ErofsReader::Node ErofsReader::read(std::uint64_t nid) const {
  const std::uint64_t place = std::uint64_t{super_.meta_block} * erofs::kBlock + nid * erofs::kSlot;
  require(nid > 0, "nid");
  Node node{.inode = at<erofs::Inode>(place), .nid = nid, .content = {}, .xattrs = {}};
  const auto& inode = node.inode;
  require((inode.format & ~0xF) == 0 && (inode.format & 1) == 1, "format");
  require(place % erofs::kBlock + sizeof inode <= erofs::kBlock && inode.mtime_nsec < 1'000'000'000, "inode");
  std::uint64_t body = place + sizeof inode;
  if (inode.xattr_units > 0) body = read_xattrs(node, body);
  const unsigned layout = inode.format >> 1;
  const mode_t type = node.type();
  if (type == S_IFREG || type == S_IFDIR || type == S_IFLNK) {
    require(type != S_IFDIR || layout != 4, "directory with a map");
    read_content(node, body, layout);
    require(type != S_IFLNK || (!node.content.empty() && node.content.size() < 4096), "link");
  } else {
    require((type == S_IFCHR || type == S_IFBLK || type == S_IFIFO) && layout == 0 && inode.size == 0, "special file");
  }
  return node;
}

std::uint64_t ErofsReader::read_xattrs(Node& node, std::uint64_t place) const {
  require(node.inode.xattr_units > 1, "empty attributes");
  const std::uint64_t end = place + sizeof(erofs::XattrHeader) + std::uint64_t{node.inode.xattr_units - 1U} * 4;
  const auto header = at<erofs::XattrHeader>(place);
  require(header.shared == 0 && header.name_filter == 0, "attribute header");
  for (std::uint64_t i = place + sizeof header; i < end;) {
    const auto entry = at<erofs::XattrEntry>(i);
    const std::string prefix = entry.prefix == 1 ? "user." : entry.prefix == 4 ? "trusted." : "security.";
    require(entry.name_size > 0 && (entry.prefix == 1 || entry.prefix == 4 || entry.prefix == 6), "attribute");
    const std::string name = prefix + bytes(i + sizeof entry, entry.name_size);
    require(node.xattrs.emplace(name, bytes(i + sizeof entry + entry.name_size, entry.value_size)).second,
            "twice " + name);
    i = erofs::round_up(i + sizeof entry + entry.name_size + entry.value_size, 4);
    require(i <= end, "attribute beyond the end");
  }
  return end;
}

void ErofsReader::read_content(Node& node, std::uint64_t body, unsigned layout) const {
  const auto& inode = node.inode;
  const std::uint64_t blocks = erofs::round_up(inode.size, erofs::kBlock) / erofs::kBlock;
  if (layout == 0 || layout == 2) {
    const std::uint64_t whole = layout == 0 ? inode.size : (blocks - 1) * erofs::kBlock;
    require(layout == 0 || inode.size > 0, "nothing inline");
    require(whole == 0 || (inode.place > 0 && inode.place < super_.meta_block), "first block");
    node.content = bytes(std::uint64_t{inode.place} * erofs::kBlock, whole);
    if (layout == 0) return;
    const std::uint64_t rest = inode.size - whole;
    require(body % erofs::kBlock + rest <= erofs::kBlock, "inline data crosses a block");
    node.content += bytes(body, rest);
    return;
  }
  require(layout == 4 && inode.place == 0 && (super_.incompat & erofs::kIncompatChunks) != 0, "map");
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const auto block = at<std::uint32_t>(body + i * 4);
    const std::uint64_t n = std::min<std::uint64_t>(erofs::kBlock, inode.size - i * erofs::kBlock);
    require(block == erofs::kNoBlock || (block > 0 && block < super_.meta_block), "block of a map");
    if (block == erofs::kNoBlock) ++node.holes;
    node.content += block == erofs::kNoBlock ? std::string(n, '\0') : bytes(std::uint64_t{block} * erofs::kBlock, n);
  }
}

void ErofsReader::walk(std::uint64_t nid, std::uint64_t parent, const std::string& path, std::uint8_t type) {
  const Node node = nodes_.emplace(path, read(nid)).first->second;
  require(type_fits(type, node.type()), "type of " + path);
  if (node.type() != S_IFDIR) {
    ++names_[nid];
    return;
  }
  require(directories_.insert(nid).second, "directory twice: " + path);
  std::string last;
  int dots = 0;
  for (std::uint64_t block = 0; block < node.content.size(); block += erofs::kBlock) {
    const std::string text = node.content.substr(block, erofs::kBlock);
    for (const auto& [entry, name] : entries(text, block + erofs::kBlock >= node.content.size())) {
      require(last < name, "order of names in " + path);
      last = name;
      if (name == "." || name == "..") {
        require(entry.nid == (name == "." ? nid : parent) && entry.type == 2, "dots of " + path);
        ++dots;
        continue;
      }
      require(name.find('/') == std::string::npos && name.find('\0') == std::string::npos, "name in " + path);
      if (entry.type == 2) ++subdirectories_[path];
      walk(entry.nid, nid, path.empty() ? name : cat(path, "/", name), entry.type);
    }
  }
  require(dots == 2, "dots are missing in " + path);
}

}  // namespace rkt::unpack::test
