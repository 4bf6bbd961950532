// SPDX-License-Identifier: Apache-2.0
#include "image/stored_reference.h"

#include <algorithm>

#include "image/demands.h"

namespace rkt::image {
namespace {

bool is_reference(const store::RemoteRecord& row) { return row.url.starts_with("docker://"); }

bool came_from(const store::ImageRecord& image, const OciSubject& wanted) {
  if (image.kind == store::ImageKind::aci || image.name != wanted.name || image.version != wanted.asked.tag)
    return false;
  const OciSubject has = stored_subject(image);
  return has.registry && has.asked.repository == wanted.asked.repository && has.asked.tag == wanted.asked.tag;
}

}  // namespace

std::optional<store::ImageRecord> find_stored_reference(const store::Store& store, RegistryDirectory& registries,
                                                        const std::string& typed) {
  const auto meanings = registries.references(typed);
  if (meanings.size() != 1) return std::nullopt;
  const OciSubject wanted = registry_subject(oci::Reference::parse(meanings.front()), {}, {});
  if (wanted.asked.tag.empty()) return std::nullopt;
  auto images = store.images();
  for (auto newest = images.rbegin(); newest != images.rend(); ++newest)
    if (came_from(*newest, wanted) && std::ranges::any_of(store.remotes_of(newest->key), is_reference))
      return std::move(*newest);
  return std::nullopt;
}

void forget_superseded(store::Store& store, const store::ImageRecord& image) {
  const OciSubject fetched = stored_subject(image);
  if (fetched.asked.tag.empty()) return;
  for (const auto& other : store.images()) {
    if (other.key == image.key || !came_from(other, fetched)) continue;
    for (const auto& row : store.remotes_of(other.key))
      if (is_reference(row)) store.remove_remote(row.url);
  }
}

}  // namespace rkt::image
