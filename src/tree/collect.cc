// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "tree/mount_file.h"
#include "tree/mount_pin.h"
#include "tree/record.h"
#include "tree/render.h"

namespace rkt::tree {
namespace {

std::vector<std::string> ids_below(const DirFd& trees, const std::string& id) {
  return read_lower(trees, id).value_or(std::vector<std::string>());
}

// ".ID.XXXX" -> "ID"; "" for other names.
std::string owner_of(const std::string& name) {
  if (!name.starts_with('.')) return {};
  const auto end = name.find('.', 1);
  return end == std::string::npos ? std::string{} : name.substr(1, end - 1);
}

// "" for an image that cannot be rendered.
std::string find_tree_id(const store::Store& store, const store::ImageRecord& image) {
  try {
    return tree_id(store, image);
  } catch (const Error& e) {
    log::debug("tree", cat("no tree of image ", quoted(image.name), ": ", e.brief()));
    return {};
  }
}

// Of images whose trees go, or are gone. Who finds one of them after all counts it again.
void forget_sizes(store::Store& store, const std::set<std::string>& going) {
  for (const auto& image : store.images()) {
    if (image.tree_size == 0) continue;
    const std::string id = find_tree_id(store, image);
    if (id.empty() || going.contains(id) || !store.trees().exists(id)) store.set_tree_size(image.key, 0);
  }
}

constexpr std::string_view kUse = "use-";  // of lock files

}  // namespace

KeyLock hold(const store::Store& store, const std::string& tree_id) {
  return KeyLock::take(store.locks(), cat(kUse, tree_id), LockMode::shared);
}

std::vector<std::string> held(const store::Store& store) {
  std::vector<std::string> out;
  for (const auto& name : store.locks().names())
    if (name.starts_with(kUse) && !KeyLock::try_take(store.locks(), name, LockMode::exclusive))
      out.push_back(name.substr(kUse.size()));
  return out;
}

std::vector<std::string> stray_names(const store::Store& store) {
  std::vector<std::string> out;
  for (const auto& name : store.trees().names())
    if (!is_tree_id(name) && !is_tree_id(owner_of(name)) && name != kProbe && name != kEmpty && name != kPlaces)
      out.push_back(name);
  return out;
}

std::vector<std::string> collect(store::Store& store, const std::vector<std::string>& keep) {
  const DirFd& trees = store.trees();
  std::set<std::string> kept(keep.begin(), keep.end());
  for (const auto& id : keep)
    for (auto& lower : ids_below(trees, id)) kept.insert(std::move(lower));
  // A note that somebody has changed must not take layers from a pod that runs on them.
  for (const auto& image : store.images())
    if (!image.chain.empty() && kept.contains(chain_tree_id(image.chain.back())))
      for (auto& lower : ids_below_top(image)) kept.insert(std::move(lower));

  std::vector<std::pair<std::size_t, std::string>> victims;
  for (const auto& name : trees.names()) {
    if (const std::string owner = owner_of(name); !owner.empty()) {
      if (name.ends_with(kReplaced) && kept.contains(owner)) continue;  // a pod may run on it
      if (const auto lock = KeyLock::try_take(store.locks(), cat("tree-", owner), LockMode::exclusive))
        trees.remove_tree(name);
      continue;
    }
    if (!name.starts_with('.') && !kept.contains(name)) victims.emplace_back(ids_below(trees, name).size(), name);
  }
  // From the top of a chain: whoever finds a tree finds everything below it.
  std::ranges::sort(victims, std::greater{});
  std::set<std::string> going;
  for (const auto& [depth, id] : victims) going.insert(id);
  if (!going.empty()) forget_sizes(store, going);
  std::vector<std::string> removed;
  for (const auto& [depth, id] : victims) {
    const auto lock = KeyLock::try_take(store.locks(), cat("tree-", id), LockMode::exclusive);
    if (!lock) continue;
    remove_remnants(trees, id);
    removed.push_back(id);
  }
  trees.remove_tree(kProbe);  // whatever has been put there
  if (keep.empty()) {
    try {
      MountPin::release(store);
    } catch (const Error& e) {
      log::note("tree", cat("mounts of trees stay: ", e.brief()));
    }
  }
  return removed;
}

}  // namespace rkt::tree
