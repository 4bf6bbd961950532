// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/erofs_listing.h"

namespace rkt::unpack {

ErofsTree::Listing::Listing(const ErofsTree& tree, std::uint32_t dir)
    : tree_(tree), dir_(dir), first_(tree.dirs_[dir].first), dot_(before(".")), dots_(before("..")) {}

ErofsTree::Listing::Item ErofsTree::Listing::item(std::uint32_t i) const {
  if (i == dot_) return {".", tree_.dirs_[dir_].at / erofs::kSlot, erofs::kDirectory};
  if (i == dots_ + 1) return {"..", tree_.dirs_[tree_.dirs_[dir_].parent].at / erofs::kSlot, erofs::kDirectory};
  const auto& entry = child(i - (i > dot_ ? 1U : 0U) - (i > dots_ + 1 ? 1U : 0U));
  return {tree_.names_.name(entry), tree_.nid_of(entry), entry.type};
}

std::vector<std::uint8_t> ErofsTree::Listing::encode(std::uint32_t first, std::uint32_t end) const {
  std::vector<std::uint8_t> heads, names;
  const std::size_t names_at = (end - first) * sizeof(erofs::DirEntry);
  for (std::uint32_t i = first; i < end; ++i) {
    const Item it = item(i);
    const erofs::DirEntry head{
        .nid = it.nid, .name_offset = static_cast<std::uint16_t>(names_at + names.size()), .type = it.type};
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&head);
    heads.insert(heads.end(), bytes, bytes + sizeof head);
    names.insert(names.end(), it.name.begin(), it.name.end());
  }
  heads.insert(heads.end(), names.begin(), names.end());
  return heads;
}

std::uint32_t ErofsTree::Listing::before(std::string_view name) const {
  std::uint32_t low = 0, high = tree_.dirs_[dir_].count;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (tree_.names_.name(child(middle)) < name)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

}  // namespace rkt::unpack
