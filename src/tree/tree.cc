// SPDX-License-Identifier: Apache-2.0
#include "tree/tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "image/dependencies.h"
#include "image/store_damage.h"
#include "sys/file.h"
#include "tree/entries.h"
#include "tree/note.h"
#include "tree/pipeline.h"
#include "tree/record.h"
#include "tree/render.h"

namespace rkt::tree {
namespace {

void check_id(const std::string& id) {
  if (!is_tree_id(id)) throw Error(Errc::invalid, cat("malformed tree store id ", quoted(id)));
}

Tree tree_of(const store::Store& store, const std::string& id, const std::vector<std::string>& below) {
  Tree tree{.id = id, .lowers = {}, .files = {}};
  const auto add = [&](const std::string& one) {
    tree.lowers.push_back(cat(store.path(), "/tree/", one, "/rootfs"));
    tree.files.push_back(is_file(store.trees(), one) ? cat(store.path(), "/tree/", one, "/", kTreeFile)
                                                     : std::string());
  };
  add(id);
  for (const auto& lower : below) add(lower);
  return tree;
}

std::uint64_t size_of(const DirFd& trees, const std::string& id) {
  const auto text = find_note(trees, id + "/size");
  return text ? parse_int<std::uint64_t>(*text).value_or(0) : 0;
}

void note_size(store::Store& store, const store::ImageRecord& image, const std::string& top,
               const std::vector<std::string>& below) {
  std::uint64_t total = size_of(store.trees(), top);
  for (const auto& id : below) total += size_of(store.trees(), id);
  if (total != image.tree_size) store.set_tree_size(image.key, total);
}

}  // namespace

bool Tree::has_files() const {
  return std::ranges::any_of(files, [](const std::string& f) { return !f.empty(); });
}

Backend parse_backend(std::string_view text) {
  if (text == "auto") return Backend::automatic;
  if (text == "erofs") return Backend::erofs;
  if (text == "dir") return Backend::directory;
  throw Error(Errc::usage, cat("unknown form of trees ", quoted(text), ", must be \"auto\", \"erofs\" or \"dir\""));
}

std::string tree_id(const store::Store& store, const store::ImageRecord& image) {
  if (image.kind != store::ImageKind::aci && !image.chain.empty()) return chain_tree_id(image.chain.back());
  if (image.kind == store::ImageKind::aci && !image::may_have_dependencies(image)) return deps_id({image.key});
  return plan(store, image).back().id;
}

namespace {

bool has_right_form(const Tree& tree, const Options& options) {
  return options.backend != Backend::directory || !tree.has_files();
}

Tree render_steps(store::Store& store, const store::ImageRecord& image, const Options& options) {
  Pipeline pipeline(store, plan(store, image), options);
  pipeline.run();
  const Step& top = pipeline.steps().back();
  note_size(store, image, top.id, top.below);
  return tree_of(store, top.id, top.below);
}

bool all_hold(const DirFd& trees, const std::string& top, const std::vector<std::string>& below, bool old_ones) {
  const auto holds = [&](const std::string& id) {
    const bool old = old_ones && !is_file(trees, id) && !trees.exists(cat(id, "/", kEntries));
    return old || record_holds(trees, id);
  };
  // Whoever opens the tree by its id goes by its note.
  return read_lower(trees, top) == below && holds(top) && std::ranges::all_of(below, holds);
}

}  // namespace

bool is_usable(const store::Store& store, const Step& step, const Options& options) {
  return is_ready(store.trees(), step.id) && has_right_form(tree_of(store, step.id, {}), options) &&
         (!options.check || !tree_fault(store.trees(), step.id, step.below));
}

Tree render(store::Store& store, const store::ImageRecord& image, const Options& options) {
  return in_context([&] { return cat("render image ", quoted(image.name)); },
                    [&] {
                      // A layer is only rendered on top of trees that are ready, and trees are removed from the top:
                      // the top one tells for all.
                      const std::string top = tree_id(store, image);
                      if (is_ready(store.trees(), top)) {
                        const auto below = ids_below_top(image);
                        Tree tree = tree_of(store, top, below);
                        if (has_right_form(tree, options) &&
                            (!options.check || all_hold(store.trees(), top, below, options.old_ones))) {
                          // Made by an image with the same layers, or before this one was in the index.
                          if (image.tree_size == 0) note_size(store, image, top, below);
                          return tree;
                        }
                      }
                      return render_steps(store, image, options);
                    });
}

bool may_render() { return ::geteuid() == 0; }

void render_fetched(store::Store& store, const store::ImageRecord& image, const Options& options) {
  if (!may_render()) return;
  try {
    render(store, image, options);
  } catch (const Error& e) {
    const auto damaged = [&](const std::string& blob) {
      return image::blob_damage(store, blob, image::named_by(image.kind)).has_value();
    };
    if (e.code() == Errc::untrusted && std::ranges::none_of(image.blobs, damaged)) store.remove(image.key);
    throw;
  }
}

Tree tree_below(const store::Store& store, const Step& step) {
  if (step.below.empty()) return {};
  return tree_of(store, step.below.front(), {step.below.begin() + 1, step.below.end()});
}

namespace {

// Whether these trees are below that one. The index knows the layers of each image; where it has none with this tree,
// each tree has to say the same of those below it.
bool are_below(const store::Store& store, const std::string& id, const std::vector<std::string>& below) {
  if (!is_layer_id(id)) return below.empty();
  for (const auto& image : store.images())
    if (!image.chain.empty() && chain_tree_id(image.chain.back()) == id) return ids_below_top(image) == below;
  for (auto it = below.begin(); it != below.end(); ++it)
    if (read_lower(store.trees(), *it) != std::vector<std::string>(it + 1, below.end())) return false;
  return true;
}

}  // namespace

Tree open(const store::Store& store, const std::string& id, const Options& options) {
  check_id(id);
  const DirFd& trees = store.trees();
  if (!is_ready(trees, id)) throw Error(Errc::not_found, cat("tree ", quoted(id), " is not rendered"));
  const auto below = read_lower(trees, id);
  if (!below || (options.check && !(are_below(store, id, *below) && all_hold(trees, id, *below, options.old_ones))))
    throw Error(Errc::untrusted, cat("tree ", quoted(id), " was changed on disk"))
        .hint("rkt image verify makes it again");
  return tree_of(store, id, *below);
}

void sync(const store::Store& store) {
  const DirFd& trees = store.trees();
  const std::string& boot = boot_id();
  std::vector<std::string> fresh;
  for (const auto& id : trees.names()) {
    if (id.starts_with('.')) continue;
    if (const auto marker = find_note(trees, id + "/rendered"); marker && *marker == boot) fresh.push_back(id);
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
