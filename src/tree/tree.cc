// SPDX-License-Identifier: Apache-2.0
#include "tree/tree.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/file.h"
#include "tree/render.h"

namespace rkt::tree {
namespace {

std::string rootfs_path(const store::Store& store, const std::string& id) {
  return cat(store.path(), "/tree/", id, "/rootfs");
}

void check_id(const std::string& id) {
  const bool known = id.starts_with("deps-sha512-") || id.starts_with("chain-sha");
  if (!known || id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
    throw Error(Errc::invalid, cat("malformed tree store id ", quoted(id)));
}

Tree tree_of(const store::Store& store, const std::string& id, const std::vector<std::string>& below) {
  Tree tree{id, {rootfs_path(store, id)}};
  for (const auto& lower : below) tree.lowers.push_back(rootfs_path(store, lower));
  return tree;
}

// Layer trees: what the index knows already.
std::vector<std::string> ids_below_top(const store::ImageRecord& image) {
  std::vector<std::string> out;
  for (std::size_t i = image.chain.size(); i-- > 0;)
    if (i + 1 < image.chain.size()) out.push_back(chain_tree_id(image.chain[i]));
  return out;
}

std::uint64_t size_of(const DirFd& trees, const std::string& id) {
  const auto text = find_file_text(trees, id + "/size", 64);
  return text ? parse_int<std::uint64_t>(*text).value_or(0) : 0;
}

void note_size(store::Store& store, const store::ImageRecord& image, const std::vector<Step>& steps) {
  std::uint64_t total = 0;
  for (const auto& step : steps) total += size_of(store.trees(), step.id);
  if (total != image.tree_size) store.set_tree_size(image.key, total);
}

}  // namespace

std::string tree_id(const store::Store& store, const store::ImageRecord& image) {
  if (image.kind != store::ImageKind::aci && !image.chain.empty()) return chain_tree_id(image.chain.back());
  return plan(store, image).back().id;
}

Tree render(store::Store& store, const store::ImageRecord& image) {
  return in_context([&] { return cat("render image ", quoted(image.name)); },
                    [&] {
                      // A layer is only rendered on top of trees that are ready, and trees are removed from the top:
                      // the top one tells for all.
                      const std::string top = tree_id(store, image);
                      const DirFd& trees = store.trees();
                      if (is_ready(trees, top)) return tree_of(store, top, ids_below_top(image));
                      const KeyLock prepare = store::prepare_lock(
                          data_of(store), LockMode::shared);  // nothing below is collected meanwhile
                      const std::vector<Step> steps = plan(store, image);
                      for (const auto& step : steps) {
                        if (is_ready(trees, step.id)) continue;
                        const KeyLock lock = KeyLock::take(store.locks(), cat("tree-", step.id), LockMode::exclusive);
                        if (is_ready(trees, step.id)) continue;
                        remove_remnants(trees, step.id);
                        trees.rename(render_aside(store, step, image.key), trees, step.id);
                        log::debug("tree", cat("rendered tree ", step.id));
                      }
                      note_size(store, image, steps);
                      return tree_of(store, steps.back().id, steps.back().below);
                    });
}

Tree open(const store::Store& store, const std::string& id) {
  check_id(id);
  const DirFd& trees = store.trees();
  if (!is_ready(trees, id)) throw Error(Errc::not_found, cat("tree ", quoted(id), " is not rendered"));
  std::vector<std::string> below;
  if (const auto text = find_file_text(trees, id + "/lower")) {
    for (const auto line : split(*text, '\n')) {
      if (line.empty()) continue;
      below.emplace_back(line);
      check_id(below.back());
    }
  }
  return tree_of(store, id, below);
}

void sync(const store::Store& store) {
  const DirFd& trees = store.trees();
  const std::string boot = boot_id();
  std::vector<std::string> fresh;
  for (const auto& id : trees.names()) {
    if (id.starts_with('.')) continue;
    if (const auto marker = find_file_text(trees, id + "/rendered", 128); marker && *marker == boot)
      fresh.push_back(id);
  }
  if (fresh.empty()) return;
  if (::syncfs(trees.get()) < 0) throw Error::from_errno("write the trees to disk");
  for (const auto& id : fresh) {
    const auto dir = trees.find_sub(id);
    if (!dir) continue;  // collected meanwhile
    AtomicFile marker(*dir, "rendered", 0644);
    write_all(marker.fd(), kSynced, "rendered");
    marker.commit(AtomicFile::Sync::no);
  }
}

}  // namespace rkt::tree
