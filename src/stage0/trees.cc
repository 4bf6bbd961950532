// SPDX-License-Identifier: Apache-2.0
#include "stage0/trees.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/strings.h"
#include "stage0/mounts.h"
#include "sys/mount.h"
#include "sys/selinux.h"

namespace rkt::stage0 {
namespace {

constexpr const char* kStage1Root = "stage1/rootfs";
constexpr const char* kStage1Memory = "64m";  // manifests, and what apps write to their /etc/hosts
constexpr std::uint64_t kInert = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

// The root of an overlay shows the attributes of its upper directory: owner and mode come from the tree.
void take_attributes(const DirFd& upper, const std::string& from) {
  struct stat st{};
  if (::stat(from.c_str(), &st) < 0) throw Error::from_errno(cat("stat ", quoted(from)));
  if (::fchown(upper.get(), st.st_uid, st.st_gid) < 0) throw Error::from_errno("set the owner of an overlay directory");
  if (::fchmod(upper.get(), st.st_mode & 07777) < 0) throw Error::from_errno("set the mode of an overlay directory");
}

// Whoever may read the pod may read the statuses below.
void give_to_group_of(const DirFd& from, const DirFd& dir) {
  struct stat st{};
  if (::fstat(from.get(), &st) < 0 || ::fchown(dir.get(), static_cast<uid_t>(-1), st.st_gid) < 0)
    throw Error::from_errno("set the group of an overlay directory");
}

// upper and work of the pod, below POD/overlay/ID.
struct Layers {
  DirFd own, upper, work;
};

// POD/overlay/ID.
DirFd make_own_layers(const tree::Tree& tree, const DirFd& pod, const std::string& app) {
  const DirFd overlay = pod.make_sub("overlay", 0750);
  // Files that an app makes must not inherit the group of a packaged pods directory.
  if (::fchmod(overlay.get(), 0750) < 0) throw Error::from_errno("set the mode of \"overlay\"");
  DirFd own = overlay.make_sub(tree.id, 0750);
  // An app's files are for root alone: they may be set-user-ID programs that the app made.
  if (app.empty()) give_to_group_of(overlay, own);
  return own;
}

Layers make_layers(const PodTree& pod_tree, const DirFd& pod, const std::string& app, const std::string& context) {
  const tree::Tree& tree = pod_tree.tree;
  mount_files(pod_tree);
  DirFd own = make_own_layers(tree, pod, app);
  DirFd upper = own.make_sub("upper", 0755), work = own.make_sub("work", 0750);
  if (!app.empty()) {
    upper = upper.make_sub(app, 0755);
    work = work.make_sub(app, 0750);
  }
  // What the kernel leaves there of a mount that is gone keeps it from mounting the same upper directory again.
  if (work.exists("work")) work.remove_tree("work");
  take_attributes(upper, tree.lowers.front());
  for (const auto* dir : {&upper, &work}) label_file(dir->get(), context);
  return {.own = std::move(own), .upper = std::move(upper), .work = std::move(work)};
}

// False: the image has something else there than a directory as it is made here.
bool may_make(const DirFd& lower, const std::string& directory) {
  struct stat st{};
  if (::fstatat(lower.get(), directory.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT;
  return st.st_mode == (S_IFDIR | 0755) && st.st_uid == 0 && st.st_gid == 0;
}

// In a directory that nobody else has written to yet. What cannot be made here is left to who makes it by way of the
// overlay.
void make_places(const tree::Tree& tree, const DirFd& upper, const std::vector<std::string>& places) {
  if (places.empty() || tree.lowers.size() > 1) return;
  const DirFd lower = tree::open_lower(tree, 0);
  const mode_t mask = ::umask(022);
  const ScopeExit restore([&] { ::umask(mask); });
  for (const auto& place : places)
    for (std::size_t end = 0; end != std::string::npos;) {
      end = place.find('/', end + 1);
      const std::string directory = place.substr(0, end);
      if (!may_make(lower, directory)) break;
      if (::mkdirat(upper.get(), directory.c_str(), 0755) < 0 && errno != EEXIST)
        throw Error::from_errno(cat("make directory ", quoted(directory)));
    }
}

tree::Tree usable_tree(store::Store& store, const std::string& id, const tree::Options& options) {
  try {
    tree::Tree tree = tree::open(store, id, options);
    if (options.backend != tree::Backend::directory || !tree.has_files()) return tree;
  } catch (const Error& e) {
    if (e.code() != Errc::not_found && e.code() != Errc::untrusted) throw;
  }
  for (const auto& image : store.images())
    if (tree::tree_id(store, image) == id) return tree::render(store, image, options);
  throw Error(Errc::not_found, cat("tree ", quoted(id), " of the pod is not in the store"));
}

}  // namespace

PodTree open_tree(store::Store& store, const std::string& id, const tree::Options& options, Looked looked,
                  SharedKept* kept) {
  tree::Options wanted = options;
  wanted.check &= looked == Looked::not_yet;
  PodTree out{.tree = usable_tree(store, id, wanted), .kept = {}};
  // Where nobody wants to know what changed on disk, what is mounted already may be what it was before.
  if (!options.check || !out.tree.has_files()) return out;
  if (kept != nullptr) out.kept = *kept;
  if (!out.kept) out.kept = std::make_shared<tree::KeptMounts>(store, tree::KeptMounts::Missing::make);
  if (kept != nullptr) *kept = out.kept;
  return out;
}

PodTree open_stage1_tree(const store::Store& store, const pod::Pod& pod) {
  PodTree out{.tree = tree::open(store, pod.stage1_tree().value_or(""), {.old_ones = true}), .kept = {}};
  if (out.tree.has_files()) out.kept = std::make_shared<tree::KeptMounts>(store, tree::KeptMounts::Missing::leave);
  return out;
}

void mount_files(const PodTree& tree) {
  if (tree::files_mounted(tree.tree)) return;
  tree::mount_files(tree.tree, tree.kept ? tree.kept->copy(tree.tree) : tree::FileMounts());
}

UniqueFd mount_for_pod(const PodTree& tree, const DirFd& pod, const std::string& app, const std::string& context,
                       const std::vector<std::string>& places) {
  const Layers layers = make_layers(tree, pod, app, context);
  make_places(tree.tree, layers.upper, places);
  return tree::mount_overlay(tree.tree, layers.upper, layers.work, {.context = context});
}

void attach_stage1(const PodTree& tree, const DirFd& pod, const std::string& context,
                   const std::vector<std::string>& places) {
  attach(mount_for_pod(tree, pod, "", context, places), pod.sub(kStage1Root).get(), "the root of stage1");
}

void attach_volatile_stage1(const PodTree& tree, const DirFd& pod, const std::vector<std::string>& places) {
  mount_files(tree);
  const std::string& attributes = tree.tree.lowers.front();
  const DirFd disk = make_own_layers(tree.tree, pod, "").make_sub("upper", 0755);
  take_attributes(disk, attributes);
  const DirFd kept = disk.make_path_in_root("rkt");
  // Attached: before Linux 6.15 the layers of an overlay have to be in the mount namespace.
  DetachedMount::make("tmpfs", {{"mode", "0755"}, {"size", kStage1Memory}}, kInert).attach(pod.sub(kStage1Root).get());
  const DirFd memory = pod.sub(kStage1Root), upper = memory.make_sub("upper", 0755),
              work = memory.make_sub("work", 0700);
  take_attributes(upper, attributes);
  make_places(tree.tree, upper, places);
  attach(tree::mount_overlay(tree.tree, upper, work), memory.get(), "the root of stage1");
  const DetachedMount files = DetachedMount::copy(kept.get(), "");
  files.restrict(kInert);
  files.attach(pod.sub(kStage1Root).make_path_in_root("rkt").get());
}

UniqueFd mount_as_left(const PodTree& tree, const std::string& pod_path) {
  mount_files(tree);
  tree::Tree all = tree.tree;
  all.lowers.insert(all.lowers.begin(), cat(pod_path, "/overlay/", all.id, "/upper"));
  all.files.insert(all.files.begin(), "");
  return tree::mount_read_only(all);
}

UniqueFd mount_for_pod_mapped(const PodTree& tree, const DirFd& pod, const std::string& app, const PrivateUsers& users,
                              const std::string& context) {
  const Layers layers = make_layers(tree, pod, app, context);
  const DetachedMount mapped = DetachedMount::copy(layers.own.get(), "");
  if (!mapped.map_owners(users.user_namespace.get()))
    throw Error(Errc::unsupported, "the file system of the pods cannot map owners").hint("use --no-overlay");
  const DirFd own(dup_fd(mapped.fd()));
  const std::string below = app.empty() ? "" : cat("/", app);
  return tree::mount_overlay(
      tree.tree, own.sub(cat("upper", below)), own.sub(cat("work", below)),
      {.user_namespace = users.user_namespace.get(), .root = users.range.shift, .context = context});
}

}  // namespace rkt::stage0
