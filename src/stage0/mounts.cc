// SPDX-License-Identifier: Apache-2.0
#include "stage0/mounts.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/dir.h"
#include "sys/lock.h"
#include "sys/rootless.h"

namespace rkt::stage0 {
namespace {

constexpr const char* kNetns = "/run/netns";
constexpr const char* kRun = "/run/rkt";

bool is_mount_point(const char* path) {
  struct statx st{};
  if (::statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &st) < 0)
    throw Error::from_errno(cat("stat ", quoted(path)));
  return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

void mount_or_throw(const char* source, const char* target, unsigned long flags, std::string_view doing) {
  if (::mount(source, target, nullptr, flags, nullptr) < 0) throw Error::from_errno(doing);
}

// On the host: a mount point of its own, shared, as `ip netns` makes it.
void share_netns_directory() {
  if (::mkdir(kNetns, 0755) < 0 && errno != EEXIST) throw Error::from_errno(cat("make directory ", quoted(kNetns)));
  if (!is_mount_point(kNetns)) {
    // Once a boot. Two at the same time would stack two mounts and share only one of them with the pods of the first.
    // Everybody may open that directory, and so could keep it locked, as `ip netns` does for a moment.
    (void)make_dirs(kRun);
    const KeyLock once = KeyLock::take(make_dirs(cat(kRun, "/locks"), 0700), "netns", LockMode::exclusive);
    const auto courtesy = DirLock::try_take(DirFd::open(kNetns).release(), LockMode::exclusive);
    if (!is_mount_point(kNetns)) mount_or_throw(kNetns, kNetns, MS_BIND, cat("bind ", quoted(kNetns), " on itself"));
  }
  mount_or_throw(nullptr, kNetns, MS_SHARED, cat("share ", quoted(kNetns)));
}

void attach_at(int mount, int dir, const char* path, unsigned flags, std::string_view what) {
  if (::syscall(SYS_move_mount, mount, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH | flags) < 0)
    throw Error::from_errno(cat("attach ", what));
}

}  // namespace

void enter_private_mounts() {
  // Root of a user namespace pins nothing on the host; what is mounted there is a slave's in a namespace of his anyway.
  if (known_ids() != Ids::all) {
    if (::unshare(CLONE_NEWNS) < 0) throw Error::from_errno("make a mount namespace");
    return mount_or_throw(nullptr, "/", MS_SLAVE | MS_REC, "separate mounts from the host's");
  }
  share_netns_directory();
  if (::unshare(CLONE_NEWNS) < 0) throw Error::from_errno("make a mount namespace");
  // Taken while it is still a peer of the host's; everything else becomes a slave.
  const UniqueFd netns(
      static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, kNetns, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
  if (!netns) throw Error::from_errno(cat("clone the mount ", quoted(kNetns)));
  mount_or_throw(nullptr, "/", MS_SLAVE | MS_REC, "separate mounts from the host's");
  // The slave copy would receive a second copy of every namespace that any pod pins.
  if (::umount2(kNetns, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) throw Error::from_errno(cat("detach ", quoted(kNetns)));
  attach_at(netns.get(), AT_FDCWD, kNetns, 0, kNetns);
}

MountScope::MountScope(int process) {
  if (::setns(process, CLONE_NEWNS) < 0) throw Error::from_errno("join the mount namespace of the pod");
}

void attach(const UniqueFd& mount, int dir, std::string_view what) {
  attach_at(mount.get(), dir, "", MOVE_MOUNT_T_EMPTY_PATH, what);
}

}  // namespace rkt::stage0
