// SPDX-License-Identifier: Apache-2.0
#include "tree/render.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "image/dependencies.h"
#include "image/local_file.h"
#include "schema/oci/image.h"
#include "schema/oci/media_types.h"
#include "sys/file.h"
#include "tree/making.h"
#include "tree/note.h"
#include "tree/record.h"

namespace rkt::tree {
namespace {

constexpr std::size_t kMaxDocument = std::size_t{4} << 20;

store::ImageRecord resolve(const store::Store& store, const appc::Dependency& wanted) {
  if (wanted.image_id) {
    if (auto found = store.find(store.resolve_id(wanted.image_id->str()))) return std::move(*found);
    throw Error(Errc::not_found, "no image IDs found");
  }
  // The same request as when it was fetched and verified; images without os and arch only ever came in unverified.
  const auto app = image::request_of(wanted);
  if (auto found = store.find(app.name, app.labels)) return std::move(*found);
  std::map<std::string, std::string> labels;
  for (const auto& label : wanted.labels) labels[label.name] = label.value;
  if (auto found = store.find(app.name, labels)) return std::move(*found);
  throw Error(Errc::not_found, cat("dependency ", quoted(app.str()), " is not in the store"))
      .hint("fetch the image again");
}

bool is_boot_id(std::string_view text) {
  return text.size() == 36 && text.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

// Pods may run on those that were replaced: image gc knows.
void remove_leftovers(const DirFd& trees, const std::string& id) {
  const std::string prefix = cat(".", id, ".");
  for (const auto& name : trees.names())
    if (name.starts_with(prefix) && !name.ends_with(kReplaced)) trees.remove_tree(name);
}

std::vector<Step> plan_stored_layers(const store::Store& store, const store::ImageRecord& image) {
  const auto document = [&](std::size_t i) {
    return read_all(store.open_blob(image.blobs.at(i)).get(), image.blobs[i], kMaxDocument);
  };
  const auto type = oci::manifest_type(image.kind == store::ImageKind::docker);
  return plan_layers(image, oci::parse_manifest(document(0), type), oci::parse_config(document(1)));
}

}  // namespace

std::vector<Step> plan_layers(const store::ImageRecord& image, const oci::Manifest& manifest,
                              const oci::Config& config) {
  if (manifest.layers.size() != config.diff_ids.size() || manifest.layers.size() != image.chain.size() ||
      image.blobs.size() != manifest.layers.size() + 2)
    throw Error(Errc::invalid, cat("index and manifest of image ", quoted(image.name), " disagree"))
        .hint("fetch it again");
  std::vector<Step> steps;
  std::vector<std::string> below;
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    Step step;
    step.id = chain_tree_id(image.chain[i]);
    step.below = below;
    step.blob = image.blobs[i + 2];
    step.media_type = manifest.layers[i].media_type;
    step.diff_id = config.diff_ids[i];
    below.insert(below.begin(), step.id);
    steps.push_back(std::move(step));
  }
  if (steps.empty()) throw Error(Errc::invalid, cat("image ", quoted(image.name), " has no layers"));
  return steps;
}

std::string chain_tree_id(const std::string& chain_id) {
  std::string id = cat("chain-", chain_id);
  if (const auto colon = id.find(':'); colon != std::string::npos) id[colon] = '-';
  return id;
}

std::vector<std::string> ids_below_top(const store::ImageRecord& image) {
  std::vector<std::string> out;
  for (std::size_t i = image.chain.size(); i-- > 0;)
    if (i + 1 < image.chain.size()) out.push_back(chain_tree_id(image.chain[i]));
  return out;
}

bool is_layer_id(std::string_view id) { return id.starts_with("chain-sha") && is_tree_id(id); }

bool is_tree_id(std::string_view id) {
  return (id.starts_with("deps-sha512-") || id.starts_with("chain-sha")) &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

std::vector<Flat> flatten_stored(const store::Store& store, const store::ImageRecord& image) {
  return flatten(image, [&](const appc::Dependency& wanted) { return resolve(store, wanted); });
}

std::vector<Step> plan(const store::Store& store, const store::ImageRecord& image) {
  if (image.kind != store::ImageKind::aci) return plan_stored_layers(store, image);
  Step step;
  step.acis = flatten_stored(store, image);
  step.id = deps_id(step.acis);
  return {std::move(step)};
}

const std::string& boot_id() {
  static const std::string id(trim(read_file("/proc/sys/kernel/random/boot_id", 128)));
  return id;
}

bool is_ready(const DirFd& trees, const std::string& id) {
  const auto marker = find_note(trees, id + "/rendered");
  return marker && (*marker == kSynced || *marker == boot_id());
}

Standing standing_of(const DirFd& trees, const std::string& id) {
  if (!trees.exists(id)) return Standing::absent;
  const auto marker = find_note(trees, id + "/rendered");
  if (!marker) return Standing::broken;
  if (*marker == kSynced || *marker == boot_id()) return Standing::ready;
  return is_boot_id(*marker) ? Standing::unfinished : Standing::broken;
}

Old make_way(const DirFd& trees, const Step& step, const Options& options) {
  const std::string& id = step.id;
  const Standing standing = standing_of(trees, id);
  std::optional<std::string> fault;
  if (standing == Standing::broken) fault = "wrong note \"rendered\"";
  if (standing == Standing::ready && options.check) fault = tree_fault(trees, id, step.below);
  if (fault) log::note("tree", cat("warning: tree ", id, " was changed on disk, rendering it again: ", *fault));
  // Removed below a pod that has it mounted a file lives on, and what is in a directory does not.
  if ((standing == Standing::ready || standing == Standing::broken) && !is_file(trees, id)) {
    remove_leftovers(trees, id);
    return Old::stands;
  }
  remove_remnants(trees, id);
  return Old::gone;
}

void replace_tree(const DirFd& trees, const std::string& id, const std::string& fresh) {
  const std::string aside = cat(fresh, kReplaced);
  trees.rename(fresh, trees, aside);
  trees.exchange(id, aside);
}

void remove_remnants(const DirFd& trees, const std::string& id) {
  // Moved out of the way first: a tree that is half removed must not be found under its name.
  if (trees.exists(id)) trees.rename(id, trees, cat(".", id, ".", image::unique_name("gone")));
  remove_leftovers(trees, id);
}

bool is_file(const DirFd& trees, const std::string& id) {
  return trees.exists(cat(id, "/", kTreeFile)) || trees.exists(cat(id, "/", kRecord));
}

DirFd make_own_directory(const DirFd& trees, const char* name) {
  struct stat st{};
  if (::fstatat(trees.get(), name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode)) trees.unlink(name);
  return trees.make_sub(name, 0755);
}

std::string render_aside(const store::Store& store, const Step& step, Backend backend) {
  Making making(store, step, backend, unpack::LayersBelow::ready);
  try {
    while (!making.serve())
      if (making.needs_below()) making.give_below();
  } catch (Error& e) {
    add_remedy(store, step, e);
    throw;
  }
  return making.take();
}

}  // namespace rkt::tree
