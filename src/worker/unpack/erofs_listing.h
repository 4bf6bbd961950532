// SPDX-License-Identifier: Apache-2.0
// A directory of an ErofsTree that is being finished, as it goes to the image.
#pragma once

#include "worker/unpack/erofs_format.h"
#include "worker/unpack/erofs_tree.h"

namespace rkt::unpack {

/// The names of a directory in order, "." and ".." where they belong, and how they are spread over blocks.
class ErofsTree::Listing {
 public:
  /// Borrows `tree`, whose names are ordered.
  Listing(const ErofsTree& tree, std::uint32_t dir);
  struct Item {
    std::string_view name;
    std::uint64_t nid;
    std::uint8_t type;
  };
  std::uint32_t size() const { return tree_.dirs_[dir_].count + 2; }
  Item item(std::uint32_t i) const;
  /// on_block(first item, item after the last, bytes used)
  template <class OnBlock>
  void blocks(OnBlock&& on_block) const {
    std::uint32_t first = 0;
    std::size_t used = 0;
    for (std::uint32_t i = 0; i < size(); ++i) {
      const std::size_t more = sizeof(erofs::DirEntry) + item(i).name.size();
      if (used + more > erofs::kBlock) {
        on_block(first, i, used);
        first = i;
        used = 0;
      }
      used += more;
    }
    on_block(first, size(), used);
  }
  /// The bytes of one block, the items from `first` to before `end`.
  std::vector<std::uint8_t> encode(std::uint32_t first, std::uint32_t end) const;

 private:
  const NameTable::Entry& child(std::uint32_t i) const { return tree_.names_.at(tree_.order_[first_ + i]); }
  std::uint32_t before(std::string_view name) const;  // how many children come first

  const ErofsTree& tree_;
  std::uint32_t dir_, first_, dot_, dots_;
};

}  // namespace rkt::unpack
