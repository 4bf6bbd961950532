// SPDX-License-Identifier: Apache-2.0
#include "tree/making.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <list>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "image/local_file.h"
#include "image/store_damage.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "tree/entries.h"
#include "tree/mount_file.h"
#include "tree/record.h"

namespace rkt::tree {
namespace {

constexpr std::uint64_t kNoTraps = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

// The file system's UUID: from the tree's id, so that the same tree is the same file everywhere.
std::string uuid_of(const std::string& id) { return id.substr(id.rfind('-') + 1).substr(0, 32); }

UniqueFd scratch_file(const DirFd& dir) {
  UniqueFd scratch = dir.open_file("scratch", O_RDWR | O_CREAT | O_EXCL, 0600);
  dir.unlink("scratch");
  return scratch;
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

bool wants_one_file(const store::Store& store, const Step& step, Backend backend) {
  return wants_file(store, backend) && (backend == Backend::erofs || !is_small(store, step));
}

void unpack_acis(std::optional<image::Unpacking>& out, const store::Store& store, const Step& step,
                 const image::TreeTarget& target) {
  std::list<UniqueFd> blobs;
  std::vector<image::AciLayer> layers;
  for (std::size_t i = 0; i < step.acis.size(); ++i) {
    const Flat& flat = step.acis[i];
    const std::string& blob = flat.image.blobs.at(0);
    blobs.push_back(store.open_blob(blob));
    layers.push_back({blobs.back().get(), blob.substr(7), flat.manifest.path_whitelist, upper_whitelist(step.acis, i)});
  }
  out.emplace(layers, target, image::UnpackLimits{});
}

void unpack_layer(std::optional<image::Unpacking>& out, const store::Store& store, const Step& step,
                  const image::TreeTarget& target, unpack::LayersBelow below) {
  const UniqueFd blob = store.open_blob(step.blob);
  const image::OciLayer layer{.file = blob.get(),
                              .media_type = step.media_type,
                              .digest = oci::digest_of_blob(step.blob),
                              .diff_id = step.diff_id,
                              .below = step.below.empty() ? unpack::LayersBelow::none : below};
  out.emplace(layer, target, image::UnpackLimits{});
}

}  // namespace

void add_remedy(const store::Store& store, const Step& step, Error& why) {
  if (why.code() != Errc::invalid && why.code() != Errc::untrusted) return;
  const bool is_layer = step.acis.empty();
  const auto damaged = [&](const std::string& blob) {
    return image::blob_damage(store, blob, is_layer ? image::NamedBy::bytes : image::NamedBy::archive).has_value();
  };
  if (is_layer ? damaged(step.blob)
               : std::ranges::any_of(step.acis, damaged, [](const Flat& f) { return f.image.blobs.at(0); }))
    why.hint("`rkt store check --repair` fetches what was damaged on disk again");
  else if (is_layer && why.code() == Errc::untrusted)
    why.hint(cat("layer ", oci::digest_of_blob(step.blob),
                 " is not what the configuration of the image states: who made the image has to make it anew"));
}

Making::Making(const store::Store& store, const Step& step, Backend backend, unpack::LayersBelow below)
    : store_(store),
      step_(step),
      name_(cat(".", step.id, ".", image::unique_name("new"))),
      backend_(backend),
      below_(below),
      dir_(store.trees().make_sub(name_, 0755)) {
  try {
    as_file_ = wants_one_file(store, step, backend);
    start();
  } catch (const Error&) {
    store.trees().remove_tree(name_);
    throw;
  }
}

Making::~Making() {
  unpacking_.reset();
  if (taken_) return;
  try {
    store_.trees().remove_tree(name_);
  } catch (const Error& e) {
    log::debug("tree", e.brief());  // the next rendering removes it, or image gc
  }
}

int Making::fd() const noexcept { return unpacking_->fd(); }

void Making::start() {
  const DirFd root = dir_.make_sub("rootfs", 0755);
  if (::fchmod(root.get(), 0755) < 0) throw Error::from_errno("set the mode of a tree");
  image::TreeTarget target{.directory = &root, .uuid = {}};
  UniqueFd image, scratch;
  if (as_file_) {
    image = dir_.open_file(kTreeFile, O_WRONLY | O_CREAT | O_EXCL, 0600);
    scratch = scratch_file(dir_);
    target = {.image = image.get(), .scratch = scratch.get(), .uuid = uuid_of(step_.id)};
  }
  if (step_.acis.empty())
    unpack_layer(unpacking_, store_, step_, target, below_);
  else
    unpack_acis(unpacking_, store_, step_, target);
}

void Making::start_again() {
  unpacking_.reset();
  needs_below_ = false;
  dir_.remove_tree("rootfs");
  dir_.unlink(kTreeFile);
  dir_.unlink(kRecord);
  start();
}

// Numbers of hard links and sizes of extended attributes are bounded by the file system of a directory; what a file
// cannot hold is listed in docs/devel/on-disk-format.md. Once: what neither can hold is an error.
bool Making::take_other_form(const Error& e) {
  if (turned_) return false;
  const bool too_much = e.code() == Errc::unsupported || (!as_file_ && e.sys_errno() == EMLINK);
  if (!too_much || (!as_file_ && !wants_file(store_, backend_))) return false;
  log::debug("tree", cat("tree ", step_.id, as_file_ ? " becomes directories: " : " becomes a file: ", e.brief()));
  as_file_ = !as_file_;
  turned_ = true;
  return true;
}

// A worker that had to guess what is below is not believed that the layer is at fault either.
bool Making::knows_another_way(const Error& e) {
  if (take_other_form(e)) return true;
  if (below_ == unpack::LayersBelow::later && (e.code() == Errc::busy || e.code() == Errc::invalid)) {
    log::debug("tree", cat("tree ", step_.id, " has to wait for those below: ", e.brief()));
    below_ = unpack::LayersBelow::ready;
    return true;
  }
  return false;
}

bool Making::serve() {
  using Event = image::Unpacking::Event;
  try {
    const Event event = unpacking_->serve();
    needs_below_ |= event == Event::needs_below;
    if (event != Event::done) return false;
  } catch (const Error& e) {
    if (!knows_another_way(e)) throw;
    start_again();
    return false;
  }
  return finish();
}

void Making::give_below() {
  const Tree below = tree_below(store_, step_);
  mount_files(below);
  const DetachedMount merged = DetachedMount::adopt(mount_read_only(below));
  merged.restrict(kNoTraps);
  unpacking_->give_below(merged.fd());
  needs_below_ = false;
}

bool Making::finish() {
  const image::UnpackStats stats = unpacking_->stats();
  unpacking_.reset();  // nobody has the file open for writing any more
  if (as_file_) {
    write_record(dir_, stats.tree_digest);
    if (backend_ != Backend::erofs && !can_mount(store_, dir_)) {
      as_file_ = false;
      turned_ = true;
      start_again();
      return false;
    }
  }
  if (!as_file_) write_entries(dir_);
  write_notes(as_file_ ? stats.tree_size : stats.bytes);
  return true;
}

void Making::write_notes(std::uint64_t size) const {
  if (step_.acis.empty()) write_file(dir_, kLower, lower_note(step_.below), 0644);
  write_file(dir_, "size", cat(size), 0644);
  write_file(dir_, "rendered", boot_id(), 0644);
}

std::string Making::take() noexcept {
  taken_ = true;
  return name_;
}

}  // namespace rkt::tree
