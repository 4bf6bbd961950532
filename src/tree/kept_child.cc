// SPDX-License-Identifier: Apache-2.0
// Runs in a child that shares the memory and the descriptors of its parent: system calls only. A place is opened once,
// and everything is done through that descriptor: what has its name may be exchanged at any moment.
#include "tree/kept_child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rkt::tree {
namespace {

constexpr int kDirectory = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

template <class Job>
int fail(Job& job, const char* step) noexcept {
  job.failed = step;
  job.error = errno;
  return 1;
}

bool is_root_of_mount(int dir) noexcept {
  struct statx st{};
  return ::statx(dir, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, 0, &st) == 0 &&
         (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

bool is(int fd, const FileId& id) noexcept {
  struct stat st{};
  return fd >= 0 && ::fstat(fd, &st) == 0 && st.st_dev == id.dev && st.st_ino == id.ino;
}

int copy_mount(int mount) noexcept {
  return ::open_tree(mount, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
}

void visit_file(KeptFile& file) noexcept {
  const int dir = ::open(file.dir, kDirectory);
  const int place = dir < 0 ? -1 : ::openat(dir, "rootfs", kDirectory);
  if (is_root_of_mount(place))
    file.copy = copy_mount(place);
  else if (file.own >= 0 && is(dir, file.own_dir) &&
           ::move_mount(file.own, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0)
    file.copy = copy_mount(file.own);
  if (place >= 0) ::close(place);
  if (dir >= 0) ::close(dir);
}

}  // namespace

int make_space(void* new_space) noexcept {
  auto& job = *static_cast<NewSpace*>(new_space);
  if (::unshare(CLONE_NEWNS) < 0 || ::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) < 0)
    return fail(job, "make a mount namespace for trees");
  job.space = ::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (job.space < 0) return fail(job, "open a mount namespace");
  if (::move_mount(job.root, "", AT_FDCWD, job.place, MOVE_MOUNT_F_EMPTY_PATH) < 0)
    return fail(job, "attach the root of a mount namespace");
  // Both roots are at the same place afterwards, the old one on top: it is what "." names.
  if (::fchdir(job.root) < 0 || ::syscall(SYS_pivot_root, ".", ".") < 0 || ::umount2(".", MNT_DETACH) < 0)
    return fail(job, "change the root of a mount namespace");
  return 0;
}

int visit_space(void* visited) noexcept {
  auto& job = *static_cast<Visit*>(visited);
  if (::setns(job.space, CLONE_NEWNS) < 0) return fail(job, "join the mount namespace of the trees");
  struct stat root{};
  if (::stat("/", &root) < 0) return fail(job, "stat the root of the mount namespace of the trees");
  job.removed = root.st_nlink == 0;
  if (job.count == 0) return 0;
  if (root.st_dev != job.root.dev || root.st_ino != job.root.ino) {
    errno = ESTALE;
    return fail(job, "use the mount namespace of another store");
  }
  for (int i = 0; i < job.count; ++i)
    if (job.files[i].dir != nullptr) visit_file(job.files[i]);
  return 0;
}

}  // namespace rkt::tree
