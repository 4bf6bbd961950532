// SPDX-License-Identifier: Apache-2.0
// A loop device comes first, shared by all who mount the same file: mounts of one block device are one file system to
// the kernel, so that pods of one image share its pages in memory as they do with directories. Loop devices are told to
// go with their last mount, so that nothing is left on the host. Where none is to be had (in a container), the file is
// mounted as it is, which Linux can since 6.12; every such mount has pages of its own.
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

#include <climits>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/lock.h"
#include "sys/mount.h"
#include "sys/rootless.h"
#include "tree/render.h"

namespace rkt::tree {
namespace {

constexpr std::uint64_t kAttributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;

DetachedMount mount_source(const std::string& source) {
  return DetachedMount::make("erofs", {{"source", source.c_str()}, {"ro", nullptr}}, kAttributes);
}

struct LoopDevice {
  UniqueFd fd;  // while it is open the device stays what it is
  std::string path;
};

// The device is read-only, whole, and of this very file: whatever its name says.
bool is_of(int device, const struct stat& file) {
  loop_info64 info{};
  return ::ioctl(device, LOOP_GET_STATUS64, &info) == 0 && info.lo_inode == file.st_ino &&
         info.lo_device == file.st_dev && info.lo_offset == 0 && info.lo_sizelimit == 0 &&
         (info.lo_flags & LO_FLAGS_READ_ONLY) != 0 && (info.lo_flags & LO_FLAGS_AUTOCLEAR) != 0;
}

std::optional<LoopDevice> find_loop_device(int file) {
  struct stat st{};
  if (::fstat(file, &st) < 0) throw Error::from_errno("stat a tree");
  const auto block = DirFd::find("/sys/block");
  if (!block) return std::nullopt;
  for (const auto& name : block->names()) {
    if (!name.starts_with("loop")) continue;
    const UniqueFd bound(::openat(block->get(), cat(name, "/loop/backing_file").c_str(), O_RDONLY | O_CLOEXEC));
    if (!bound || !trim(read_all(bound.get(), name)).ends_with(kTreeFile)) continue;
    std::string path = cat("/dev/", name);
    UniqueFd device(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (device && is_of(device.get(), st)) return LoopDevice{.fd = std::move(device), .path = std::move(path)};
  }
  return std::nullopt;
}

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

UniqueFd open_tree_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) throw Error::from_errno(cat("open ", quoted(path)));
  return fd;
}

DetachedMount mount_file(const std::string& path) {
  const UniqueFd file = open_tree_file(path);
  try {
    // Of two pods that start at the same time one finds the other's device. Not through `file`: that is the device's
    // as long as it lives, and so would the lock be.
    const DirLock once = DirLock::take(open_tree_file(path), LockMode::exclusive);
    auto device = find_loop_device(file.get());
    if (!device) device = make_loop_device(file.get());
    return mount_source(device->path);
  } catch (const Error& e) {
    log::debug("tree", cat("no loop device, the file itself is mounted: ", e.brief()));
  }
  return mount_source(cat("/proc/self/fd/", file.get()));
}

bool is_mount_point(int dir) {
  struct statx st{};
  if (::statx(dir, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, 0, &st) < 0) throw Error::from_errno("stat a tree");
  return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

void attach_file(const std::string& file, const std::string& place) {
  const DirFd target = DirFd::open(place);
  if (is_mount_point(target.get())) return;
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

std::string path_of(int dir) {
  std::string path(PATH_MAX, '\0');
  const ssize_t n = ::readlink(cat("/proc/self/fd/", dir).c_str(), path.data(), path.size());
  if (n < 0) throw Error::from_errno("find a tree");
  path.resize(static_cast<std::size_t>(n));
  return path;
}

// What another moment may not have: memory, descriptors, loop devices.
bool may_pass(int error) {
  return error == ENOMEM || error == EMFILE || error == ENFILE || error == EBUSY || error == EAGAIN || error == ENOSPC;
}

}  // namespace

void mount_files(const Tree& tree) {
  for (std::size_t i = 0; i < tree.files.size(); ++i)
    if (!tree.files[i].empty()) attach_file(tree.files[i], tree.lowers[i]);
}

bool files_mounted(const Tree& tree) {
  for (std::size_t i = 0; i < tree.files.size(); ++i)
    if (!tree.files[i].empty() && !is_mount_point(DirFd::open(tree.lowers[i]).get())) return false;
  return true;
}

bool can_map_file(const std::string& file, int user_namespace) { return mount_file(file).map_owners(user_namespace); }

bool wants_file(const store::Store& store, Backend backend) {
  if (backend == Backend::directory) return false;
  if (backend == Backend::erofs) return true;
  if (::geteuid() != 0 || known_ids() != Ids::all) return false;  // loop devices are root's of the host
  const auto unusable = find_file_text(store.trees(), kProbe, 128);
  return !unusable || *unusable != boot_id();
}

bool can_mount(const store::Store& store, const DirFd& dir) {
  const std::string boot = boot_id(), usable = cat(boot, " usable");
  if (const auto known = find_file_text(store.trees(), kProbe, 128); known && *known == usable) return true;
  const std::string path = path_of(dir.get());
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
  write_file(store.trees(), kProbe, can ? usable : boot, 0644);
  return can;
}

}  // namespace rkt::tree
