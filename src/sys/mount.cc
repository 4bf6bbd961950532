// SPDX-License-Identifier: Apache-2.0
#include "sys/mount.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt {

DetachedMount DetachedMount::copy(int dir, const std::string& path, Depth depth) {
  const unsigned deep = depth == Depth::recursive ? AT_RECURSIVE : 0U;
  UniqueFd fd(::open_tree(dir, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | deep));
  if (!fd) throw Error::from_errno(cat("copy the mount of ", quoted(path)));
  return DetachedMount(std::move(fd));
}

std::optional<DetachedMount> DetachedMount::find(int dir, const std::string& path) {
  UniqueFd fd(::open_tree(dir, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW));
  if (fd) return DetachedMount(std::move(fd));
  if (errno == ENOENT) return std::nullopt;
  throw Error::from_errno(cat("copy the mount of ", quoted(path)));
}

DetachedMount DetachedMount::make(const char* type, std::initializer_list<Option> options, std::uint64_t attributes,
                                  const std::string& context) {
  const auto fail = [&](const char* what) { return Error::from_errno(cat("make a ", type, " file system: ", what)); };
  const UniqueFd fs(::fsopen(type, FSOPEN_CLOEXEC));
  if (!fs) throw fail("open");
  for (const auto& [key, value] : options) {
    const auto how = value == nullptr ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
    if (::fsconfig(fs.get(), static_cast<unsigned>(how), key, value, 0) < 0) throw fail(key);
  }
  if (!context.empty() && ::fsconfig(fs.get(), FSCONFIG_SET_STRING, "context", context.c_str(), 0) < 0)
    throw fail("context");
  if (::fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) throw fail("create");
  UniqueFd fd(::fsmount(fs.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  if (!fd) throw fail("mount");
  return DetachedMount(std::move(fd));
}

void DetachedMount::restrict(std::uint64_t attributes, Depth depth) const {
  mount_attr attr{};
  attr.attr_set = attributes;
  const unsigned deep = depth == Depth::recursive ? AT_RECURSIVE : 0U;
  if (::mount_setattr(fd(), "", AT_EMPTY_PATH | deep, &attr, sizeof attr) < 0)
    throw Error::from_errno("restrict a mount");
}

void DetachedMount::permit(std::uint64_t attributes) const {
  mount_attr attr{};
  attr.attr_clr = attributes;
  if (::mount_setattr(fd(), "", AT_EMPTY_PATH, &attr, sizeof attr) < 0 && errno != EPERM)
    throw Error::from_errno("permit on a mount");
}

bool DetachedMount::map_owners(int user_namespace, Depth depth) const {
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_IDMAP;
  attr.userns_fd = static_cast<std::uint64_t>(user_namespace);
  const unsigned deep = depth == Depth::recursive ? AT_RECURSIVE : 0U;
  if (::mount_setattr(fd(), "", AT_EMPTY_PATH | deep, &attr, sizeof attr) == 0) return true;
  if (errno == EINVAL || errno == EPERM) return false;  // the latter: mapped already
  throw Error::from_errno("map the owners of a mount");
}

void DetachedMount::set_propagation(std::uint64_t type, std::uint64_t attributes) const {
  mount_attr attr{};
  attr.attr_set = attributes;
  attr.propagation = type;
  if (::mount_setattr(fd(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
    throw Error::from_errno("isolate a mount");
}

void DetachedMount::isolate(std::uint64_t attributes) const { set_propagation(MS_PRIVATE, attributes); }

void DetachedMount::receive_only() const { set_propagation(MS_SLAVE); }

void DetachedMount::attach(int target) const {
  if (::move_mount(fd(), "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
    throw Error::from_errno("attach a mount");
}

DetachedMount::Found DetachedMount::attach_if_there(int dir, const std::string& path) const {
  if (::move_mount(fd(), "", dir, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0) return Found::attached;
  if (errno == ENOENT) return Found::missing;
  if (errno == EINVAL || errno == ENOTDIR) return Found::other_kind;  // among others
  throw Error::from_errno(cat("attach a mount at ", quoted(path)));
}

void DetachedMount::attach(int dir, const std::string& path) const {
  if (attach_if_there(dir, path) != Found::attached) throw Error::from_errno(cat("attach a mount at ", quoted(path)));
}

UniqueFd own_mount_namespace() {
  UniqueFd fd(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (!fd) throw Error::from_errno("open the mount namespace");
  return fd;
}

std::string read_mountinfo() { return read_file("/proc/self/mountinfo", kMountinfoLimit); }

MountHome::MountHome()
    : home_(own_mount_namespace()),
      root_(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)),
      cwd_(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!root_) throw Error::from_errno("remember the mount namespace");
}

MountHome::~MountHome() {
  struct stat home{}, here{};
  if (::fstat(home_.get(), &home) == 0 && ::stat("/proc/self/ns/mnt", &here) == 0 && home.st_dev == here.st_dev &&
      home.st_ino == here.st_ino)
    return;  // never left
  // setns takes the root and the working directory along to the root of the namespace, which need not be ours.
  if (::setns(home_.get(), CLONE_NEWNS) == 0 && ::fchdir(root_.get()) == 0 && ::chroot(".") == 0 &&
      (!cwd_ || ::fchdir(cwd_.get()) == 0))
    return;
  log::note("mounts", "cannot return to the mount namespace of the host");
  ::_exit(254);  // going on would do the host's work behind other mounts
}

PrivateMounts::PrivateMounts() {
  if (::unshare(CLONE_NEWNS) < 0) throw Error::from_errno("make a mount namespace");
  receive_mounts_only();
}

void receive_mounts_only() {
  if (::mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr) < 0) throw Error::from_errno("make mounts slaves");
}

void change_root(int root) {
  // Both roots are at the same place afterwards, the old one on top: it is what "." names.
  if (::fchdir(root) < 0 || ::syscall(SYS_pivot_root, ".", ".") < 0) throw Error::from_errno("change the root");
  if (::umount2(".", MNT_DETACH) < 0) throw Error::from_errno("detach the old root");
  if (::chdir("/") < 0) throw Error::from_errno("change to the new root");
}

}  // namespace rkt
