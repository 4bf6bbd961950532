// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/sandbox.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/fd_path.h"
#include "sys/rootless.h"

namespace rkt::unpack {
namespace {

constexpr std::uint64_t kNoTraps = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

UniqueFd clone_tree(int dir) {
  return UniqueFd(
      static_cast<int>(::syscall(SYS_open_tree, dir, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
}

// The same directory as this mount namespace sees it: rkt may have opened it before it went into one of its own, and
// mounts of another namespace cannot be copied.
UniqueFd reopened(int dir) {
  const std::string path = path_of_fd(dir, "find a directory to unpack into");
  UniqueFd again(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat wanted{}, found{};
  if (!again || ::fstat(dir, &wanted) < 0 || ::fstat(again.get(), &found) < 0)
    throw Error::from_errno(cat("open directory ", quoted(path), " again"));
  if (wanted.st_dev != found.st_dev || wanted.st_ino != found.st_ino)
    throw Error(Errc::system, cat("directory ", quoted(path), " is another one in this mount namespace"));
  return again;
}

// A copy of a directory's mount, attached nowhere. Only what is below that directory can be reached from it.
UniqueFd detached_copy(int dir, std::uint64_t attributes) {
  UniqueFd copy = clone_tree(dir);
  if (!copy && errno == EINVAL) copy = clone_tree(reopened(dir).get());
  if (!copy) throw Error::from_errno("copy the mount of a directory to unpack into");
  mount_attr attr{};
  attr.attr_set = attributes;
  if (::syscall(SYS_mount_setattr, copy.get(), "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
    throw Error::from_errno("restrict the mount of a directory to unpack into");
  return copy;
}

UniqueFd empty_root() {
  const UniqueFd fs(static_cast<int>(::syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  if (!fs || ::syscall(SYS_fsconfig, fs.get(), FSCONFIG_SET_STRING, "size", "1m", 0) < 0 ||
      ::syscall(SYS_fsconfig, fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
    throw Error::from_errno("make an empty root");
  UniqueFd root(static_cast<int>(::syscall(SYS_fsmount, fs.get(), FSMOUNT_CLOEXEC, kNoTraps)));
  if (!root) throw Error::from_errno("make an empty root");
  if (::syscall(SYS_move_mount, root.get(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
    throw Error::from_errno("attach the empty root");
  return root;
}

// Names below are relative: the new root is the working directory.
DirFd attach(UniqueFd copy, const std::string& name) {
  if (::mkdir(name.c_str(), 0700) < 0) throw Error::from_errno(cat("make directory ", quoted(name)));
  if (::syscall(SYS_move_mount, copy.get(), "", AT_FDCWD, name.c_str(), MOVE_MOUNT_F_EMPTY_PATH) < 0)
    throw Error::from_errno(cat("attach ", quoted(name)));
  return DirFd::open(name);
}

// Short relative names: the page that mount(2) takes holds several hundred of them, more than overlayfs merges.
DirFd merge(std::vector<UniqueFd> copies) {
  if (copies.empty()) return {};
  if (copies.size() == 1) return attach(std::move(copies.front()), "0");
  std::string options = "lowerdir=";
  for (std::size_t i = 0; i < copies.size(); ++i) {
    const std::string name = cat(i);
    attach(std::move(copies[i]), name);
    options += cat(i == 0 ? "" : ":", name);
  }
  if (known_ids() != Ids::all) options += ",userxattr";
  if (::mkdir("merged", 0700) < 0) throw Error::from_errno("make directory \"merged\"");
  if (::mount("overlay", "merged", "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, options.c_str()) < 0)
    throw Error::from_errno("merge the layers below with overlayfs");
  return DirFd::open("merged");
}

void change_root(const UniqueFd& root) {
  if (::syscall(SYS_pivot_root, ".", ".") == 0) {
    if (::umount2(".", MNT_DETACH) < 0) throw Error::from_errno("detach the old root");
  } else if (errno != EINVAL || ::chroot(".") < 0) {
    // EINVAL: this process' root is no mount point, or an initramfs. No descriptor and no capability leads back from
    // chroot.
    throw Error::from_errno("change the root");
  }
  if (::chdir("/") < 0) throw Error::from_errno("change to the new root");
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_RDONLY;
  if (::syscall(SYS_mount_setattr, root.get(), "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
    throw Error::from_errno("make the new root read-only");
}

}  // namespace

Inside enter_sandbox(UniqueFd target, std::vector<UniqueFd> lowers) {
  if (::geteuid() != 0) {
    // Tests, and callers that only look at images: what unprivileged namespaces give is taken where the host grants
    // them.
    (void)::unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS);
    if (lowers.size() > 1) throw Error(Errc::denied, "unpacking a layer above others needs root");
    return {DirFd(std::move(target)), lowers.empty() ? DirFd() : DirFd(std::move(lowers.front()))};
  }
  UniqueFd target_copy;
  if (target) target_copy = detached_copy(target.get(), kNoTraps);
  target.reset();
  std::vector<UniqueFd> copies;
  copies.reserve(lowers.size());
  for (auto& lower : lowers) copies.push_back(detached_copy(lower.get(), kNoTraps | MOUNT_ATTR_RDONLY));
  lowers.clear();
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
    throw Error::from_errno("unshare namespaces");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) throw Error::from_errno("make mounts private");
  const UniqueFd root = empty_root();
  if (::fchdir(root.get()) < 0) throw Error::from_errno("change to the new root");
  Inside inside;
  if (target_copy) inside.target = attach(std::move(target_copy), "target");
  inside.below = merge(std::move(copies));
  change_root(root);
  return inside;
}

}  // namespace rkt::unpack
