// SPDX-License-Identifier: Apache-2.0
#include "image/stored_reference.h"

#include "image/demands.h"

namespace rkt::image {
namespace {

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
    if (came_from(*newest, wanted)) return std::move(*newest);
  return std::nullopt;
}

}  // namespace rkt::image
