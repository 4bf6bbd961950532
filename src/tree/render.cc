// SPDX-License-Identifier: Apache-2.0
#include "tree/render.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <list>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "image/dependencies.h"
#include "image/local_file.h"
#include "image/unpack_client.h"
#include "schema/oci/image.h"
#include "schema/oci/media_types.h"
#include "sys/file.h"
#include "tree/mount_file.h"
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

std::vector<Step> plan_layers(const store::Store& store, const store::ImageRecord& image) {
  const auto document = [&](std::size_t i) {
    return read_all(store.open_blob(image.blobs.at(i)).get(), image.blobs[i], kMaxDocument);
  };
  const oci::Manifest manifest =
      oci::parse_manifest(document(0), oci::manifest_type(image.kind == store::ImageKind::docker));
  const oci::Config config = oci::parse_config(document(1));
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

image::UnpackStats render_acis(const store::Store& store, const Step& step, const image::TreeTarget& target) {
  std::list<UniqueFd> blobs;
  std::vector<image::AciLayer> layers;
  for (std::size_t i = 0; i < step.acis.size(); ++i) {
    const Flat& flat = step.acis[i];
    const std::string& blob = flat.image.blobs.at(0);
    blobs.push_back(store.open_blob(blob));
    layers.push_back({blobs.back().get(), blob.substr(7), flat.manifest.path_whitelist, upper_whitelist(step.acis, i)});
  }
  return image::unpack_acis(layers, target, image::UnpackLimits{});
}

image::UnpackStats render_layer(const store::Store& store, const Step& step, const image::TreeTarget& target) {
  const UniqueFd blob = store.open_blob(step.blob);
  std::list<DirFd> dirs;
  image::OciLayer layer;
  for (const auto& id : step.below) {
    // By path: the store's descriptor does not lead to what is mounted in this namespace.
    dirs.push_back(DirFd::open(cat(store.path(), "/tree/", id, "/rootfs")));
    layer.lowers.push_back(&dirs.back());
  }
  layer.file = blob.get();
  layer.media_type = step.media_type;
  layer.digest = step.blob;
  layer.digest[6] = ':';  // "sha256-HEX" -> "sha256:HEX"
  layer.diff_id = step.diff_id;
  return image::unpack_oci_layer(layer, target, image::UnpackLimits{});
}

image::UnpackStats render_to(const store::Store& store, const Step& step, const image::TreeTarget& target) {
  return step.acis.empty() ? render_layer(store, step, target) : render_acis(store, step, target);
}

// The file system's UUID: from the tree's id, so that the same tree is the same file everywhere.
std::string uuid_of(const std::string& id) { return id.substr(id.rfind('-') + 1).substr(0, 32); }

UniqueFd scratch_file(const DirFd& dir) {
  UniqueFd scratch = dir.open_file("scratch", O_RDWR | O_CREAT | O_EXCL, 0600);
  dir.unlink("scratch");
  return scratch;
}

std::uint64_t render_file(const store::Store& store, const Step& step, const DirFd& dir) {
  UniqueFd image = dir.open_file(kTreeFile, O_WRONLY | O_CREAT | O_EXCL, 0600);
  const UniqueFd scratch = scratch_file(dir);
  const auto stats = render_to(store, step, {.image = image.get(), .scratch = scratch.get(), .uuid = uuid_of(step.id)});
  image.reset();
  write_record(dir, stats.tree_digest);
  return stats.tree_size;
}

// Such a layer is unpacked at once either way, and a directory needs no mount.
constexpr off_t kSmall = off_t{4} << 20;

bool is_small(const store::Store& store, const Step& step) {
  off_t total = 0;
  const auto add = [&](const std::string& blob) {
    struct stat st{};
    if (::fstat(store.open_blob(blob).get(), &st) < 0) throw Error::from_errno("stat a blob");
    total += st.st_size;
  };
  if (!step.blob.empty()) add(step.blob);
  for (const auto& flat : step.acis) add(flat.image.blobs.at(0));
  return total < kSmall;
}

// Returns the size on disk.
std::uint64_t render_in_form(const store::Store& store, const Step& step, const DirFd& dir, const DirFd& root,
                             Backend backend) {
  if (wants_file(store, backend) && (backend == Backend::erofs || !is_small(store, step))) {
    try {
      const std::uint64_t size = render_file(store, step, dir);
      if (backend == Backend::erofs || can_mount(store, dir)) return size;
    } catch (const Error& e) {
      if (e.code() != Errc::unsupported) throw;
      log::debug("tree", cat("tree ", step.id, " becomes directories: ", e.brief()));
    }
    dir.unlink(kTreeFile);
    dir.unlink("digest");
  }
  return render_to(store, step, {.directory = &root, .uuid = {}}).bytes;
}

}  // namespace

std::string chain_tree_id(const std::string& chain_id) {
  std::string id = cat("chain-", chain_id);
  if (const auto colon = id.find(':'); colon != std::string::npos) id[colon] = '-';
  return id;
}

std::vector<Flat> flatten_stored(const store::Store& store, const store::ImageRecord& image) {
  return flatten(image, [&](const appc::Dependency& wanted) { return resolve(store, wanted); });
}

std::vector<Step> plan(const store::Store& store, const store::ImageRecord& image) {
  if (image.kind != store::ImageKind::aci) return plan_layers(store, image);
  Step step;
  step.acis = flatten_stored(store, image);
  step.id = deps_id(step.acis);
  return {std::move(step)};
}

std::string boot_id() { return std::string(trim(read_file("/proc/sys/kernel/random/boot_id", 128))); }

bool is_ready(const DirFd& trees, const std::string& id) {
  const auto marker = find_file_text(trees, id + "/rendered", 128);
  return marker && (*marker == kSynced || *marker == boot_id());
}

void remove_remnants(const DirFd& trees, const std::string& id) {
  const std::string prefix = cat(".", id, ".");
  if (trees.exists(id)) {
    // Moved out of the way first: a tree that is half removed must not be found under its name.
    const std::string aside = cat(prefix, image::unique_name("gone"));
    trees.rename(id, trees, aside);
  }
  for (const auto& name : trees.names())
    if (name.starts_with(prefix)) trees.remove_tree(name);
}

bool is_file(const DirFd& trees, const std::string& id) {
  return trees.exists(cat(id, "/", kTreeFile)) || trees.exists(cat(id, "/", kRecord));
}

std::string render_aside(const store::Store& store, const Step& step, const std::string& image_key, Backend backend) {
  const DirFd& trees = store.trees();
  const std::string name = cat(".", step.id, ".", image::unique_name("new"));
  const DirFd dir = trees.make_sub(name, 0755);
  try {
    const DirFd root = dir.make_sub("rootfs", 0755);
    if (::fchmod(root.get(), 0755) < 0) throw Error::from_errno("set the mode of a tree");
    const std::uint64_t size = render_in_form(store, step, dir, root, backend);
    std::string lower;
    for (const auto& id : step.below) lower += cat(id, "\n");
    if (step.acis.empty()) write_file(dir, "lower", lower, 0644);
    write_file(dir, "image", image_key, 0644);
    write_file(dir, "size", cat(size), 0644);
    write_file(dir, "rendered", boot_id(), 0644);
  } catch (const Error&) {
    trees.remove_tree(name);
    throw;
  }
  return name;
}

}  // namespace rkt::tree
