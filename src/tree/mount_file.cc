// SPDX-License-Identifier: Apache-2.0
// A file is mounted as it is, which Linux can since 6.12, and before that through a loop device, which is told to go
// with its last mount. Mounts of their own have pages in memory of their own; pods take copies of the mounts that are
// kept (kept_mounts.cc), and share them.
//
// A mounted file is attached at the directory "rootfs" beside it, in the mount namespace of the pod (or of the command
// that copies a tree): overlayfs takes layers only from there before Linux 6.15.
#include "tree/mount_file.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/fd_path.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "sys/rootless.h"
#include "sys/selinux.h"
#include "tree/note.h"
#include "tree/render.h"

namespace rkt::tree {
namespace {

constexpr std::uint64_t kAttributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;

DetachedMount mount_source(const std::string& source, const std::string& context) {
  return DetachedMount::make("erofs", {{"source", source.c_str()}, {"ro", nullptr}}, kAttributes, context);
}

struct LoopDevice {
  UniqueFd fd;  // while it is open the device stays what it is
  std::string path;
};

LoopDevice make_loop_device(int file) {
  const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control) throw Error::from_errno("open \"/dev/loop-control\"");
  for (int attempt = 0; attempt < 64; ++attempt) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) throw Error::from_errno("find a free loop device");
    std::string path = cat("/dev/loop", number);
    UniqueFd device(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!device) throw Error::from_errno(cat("open ", quoted(path)));
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(file);
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) return {.fd = std::move(device), .path = std::move(path)};
    if (errno != EBUSY) throw Error::from_errno(cat("set up ", quoted(path)));  // EBUSY: somebody was faster
  }
  throw Error(Errc::busy, "no loop device is to be had");
}

// No link that somebody has put in its place leads anywhere.
DirFd open_place(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) throw Error::from_errno(cat("open directory ", quoted(path)));
  return DirFd(std::move(fd));
}

void note_probe(const DirFd& trees, std::string_view text) {
  if (!find_regular(trees, kProbe)) trees.remove_tree(kProbe);  // whatever has been put there
  write_file(trees, kProbe, text, 0644);
}

void attach_file(const std::string& file, const std::string& place, const DetachedMount* kept) {
  const DirFd target = open_place(place);
  if (is_mount_point(target.get())) return;
  if (kept != nullptr) return kept->attach(target.get());
  in_context([&] { return cat("mount the tree ", quoted(file)); },
             [&] {
               try {
                 mount_file(file).attach(target.get());
               } catch (Error& e) {
                 e.hint("use --tree-backend=dir");
                 throw;
               }
             });
}

// What another moment may not have: memory, descriptors, loop devices.
bool may_pass(int error) {
  return error == ENOMEM || error == EMFILE || error == ENFILE || error == EBUSY || error == EAGAIN || error == ENOSPC;
}

// What Linux says of a file where it mounts only devices, or that file system has no pages that it could use.
bool needs_device(int error) {
  return error == ENOTBLK || error == EINVAL || error == ENODEV || error == EOPNOTSUPP || error == ENOSYS;
}

}  // namespace

DetachedMount mount_file(int file) {
  // As a directory's files would be: what a program of a layer maps the policy judges by the layer's own context.
  const std::string context = selinux_active() ? context_of(file) : "";
  try {
    return mount_source(cat("/proc/self/fd/", file), context);
  } catch (const Error& e) {
    if (!needs_device(e.sys_errno())) throw;
    log::debug("tree", cat("a loop device is used: ", e.brief()));
  }
  const LoopDevice device = make_loop_device(file);
  return mount_source(device.path, context);
}

DetachedMount mount_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) throw Error::from_errno(cat("open ", quoted(path)));
  struct stat st{};
  if (::fstat(file.get(), &st) < 0) throw Error::from_errno(cat("stat ", quoted(path)));
  if (!S_ISREG(st.st_mode)) throw Error(Errc::invalid, cat(quoted(path), " is no regular file"));
  return mount_file(file.get());
}

bool is_mount_point(int dir) {
  struct statx st{};
  if (::statx(dir, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, 0, &st) < 0) throw Error::from_errno("stat a tree");
  return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

void mount_files(const Tree& tree, const FileMounts& kept) {
  for (std::size_t i = 0; i < tree.files.size(); ++i) {
    const bool is_kept = i < kept.size() && kept[i];
    if (!tree.files[i].empty()) attach_file(tree.files[i], tree.lowers[i], is_kept ? &*kept[i] : nullptr);
  }
}

DirFd open_lower(const Tree& tree, std::size_t i) {
  DirFd dir = open_place(tree.lowers[i]);
  if (i < tree.files.size() && !tree.files[i].empty() && !is_mount_point(dir.get()))
    throw Error(Errc::busy, cat(quoted(tree.lowers[i]), " was replaced at this moment")).hint("try again");
  return dir;
}

bool files_mounted(const Tree& tree) {
  for (std::size_t i = 0; i < tree.files.size(); ++i)
    if (!tree.files[i].empty() && !is_mount_point(open_place(tree.lowers[i]).get())) return false;
  return true;
}

bool can_map_file(const std::string& file, int user_namespace) { return mount_file(file).map_owners(user_namespace); }

bool wants_file(const store::Store& store, Backend backend) {
  if (backend == Backend::directory) return false;
  if (backend == Backend::erofs) return true;
  if (::geteuid() != 0 || known_ids() != Ids::all) return false;  // loop devices are root's of the host
  const auto unusable = find_note(store.trees(), kProbe);
  return !unusable || *unusable != boot_id();
}

bool can_mount(const store::Store& store, const DirFd& dir) {
  const std::string& boot = boot_id();
  const std::string usable = cat(boot, " usable");
  if (const auto known = find_note(store.trees(), kProbe); known && *known == usable) return true;
  const std::string path = path_of_fd(dir.get(), "find a tree");
  bool can = false;
  try {
    const PrivateMounts mounts;
    const Tree tree{.id = "probe", .lowers = {cat(path, "/rootfs")}, .files = {cat(path, "/", kTreeFile)}};
    mount_files(tree);
    mount_read_only(tree);
    can = true;
  } catch (const Error& e) {
    log::debug("tree", cat("trees become directories: ", e.brief()));
    if (may_pass(e.sys_errno())) return false;
  }
  note_probe(store.trees(), can ? usable : boot);
  return can;
}

}  // namespace rkt::tree
