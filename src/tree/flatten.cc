// SPDX-License-Identifier: Apache-2.0
#include "tree/flatten.h"

#include "base/error.h"
#include "base/strings.h"
#include "sys/digest.h"

namespace rkt::tree {
namespace {

constexpr std::size_t kMaxImages = 1000;

// Entries of the branch above `at`, nearest first: walking back, each one whose level is lower than the last.
template <class Visit>
void for_each_above(const std::vector<Flat>& list, std::size_t at, Visit visit) {
  std::size_t level = list[at].level;
  for (std::size_t i = at; i-- > 0 && level > 0;) {
    if (list[i].level >= level) continue;
    level = list[i].level;
    visit(list[i]);
  }
}

Flat parsed(store::ImageRecord image, std::size_t level) {
  auto manifest = in_context([&] { return cat("manifest of image ", quoted(image.name)); },
                             [&] { return appc::parse_image_manifest(image.manifest); });
  return {std::move(image), std::move(manifest), level};
}

}  // namespace

std::vector<Flat> flatten(const store::ImageRecord& top, const Resolve& resolve) {
  std::vector<Flat> list{parsed(top, 0)};
  for (std::size_t at = 0; at < list.size(); ++at) {
    const std::vector<appc::Dependency> wanted = list[at].manifest.dependencies;
    for_each_above(list, at, [&](const Flat& above) {
      if (!wanted.empty() && above.image.key == list[at].image.key)
        throw Error(Errc::invalid, cat("image ", quoted(above.image.name), " depends on itself"));
    });
    for (const auto& dependency : wanted) {
      if (list.size() >= kMaxImages)
        throw Error(Errc::invalid, cat("image ", quoted(top.name), " has too many dependencies"));
      list.insert(list.begin() + static_cast<std::ptrdiff_t>(at) + 1, parsed(resolve(dependency), list[at].level + 1));
    }
  }
  return list;
}

const std::vector<std::string>& upper_whitelist(const std::vector<Flat>& list, std::size_t at) {
  static const std::vector<std::string> none;
  const std::vector<std::string>* found = &none;
  for_each_above(list, at, [&](const Flat& above) {
    if (!above.manifest.path_whitelist.empty()) found = &above.manifest.path_whitelist;
  });
  return *found;
}

std::string deps_id(const std::vector<Flat>& list) {
  std::vector<std::string> keys;
  for (const auto& entry : list) keys.push_back(entry.image.key);
  return deps_id(keys);
}

std::string deps_id(const std::vector<std::string>& keys) {
  return cat("deps-sha512-", sha512_hex(join(keys, ",")).substr(0, 64));
}

}  // namespace rkt::tree
