// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/debug_root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/dir.h"
#include "sys/mount.h"

namespace rkt::native {
namespace {

constexpr const char* kAppPlace = "rkt/app";

// With everything that hides a part of it: these are mounts of the engine's, which nobody in the pod can replace.
void take_directory_of(const DirFd& app, const char* name) {
  const auto there = app.find_in_root(name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (there)
    DetachedMount::copy(there->get(), "", DetachedMount::Depth::recursive).attach(DirFd::open(cat("/", name)).get());
}

void take_file_of(const DirFd& app, const std::string& path) {
  const auto there = app.find_in_root(path, O_PATH);
  struct stat st{};
  if (!there || ::fstat(there->get(), &st) < 0 || !S_ISREG(st.st_mode)) return;
  const DetachedMount file = DetachedMount::copy(there->get(), "");
  file.restrict(MOUNT_ATTR_RDONLY);
  file.attach(DirFd::open("/").open_in_root(path, O_PATH | O_NOFOLLOW).get());
}

}  // namespace

void take_debug_root(UniqueFd tree, const std::string& context) {
  if (::unshare(CLONE_NEWNS) < 0 || ::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) < 0)
    throw Error::from_errno("make a mount namespace");
  const DetachedMount root = DetachedMount::adopt(std::move(tree));
  root.restrict(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
  root.attach(DirFd::open("/").get());
  if (::fchdir(root.fd()) < 0 || ::syscall(SYS_pivot_root, ".", kAppPlace) < 0 || ::chdir("/") < 0)
    throw Error::from_errno("change to the debug image");
  const DirFd app = DirFd::open(kAppPlace);
  for (const char* name : {"dev", "proc", "sys"}) take_directory_of(app, name);
  for (const char* path : {"etc/hosts", "etc/resolv.conf"}) take_file_of(app, path);
  DetachedMount::make("tmpfs", {{"mode", "1777"}, {"size", "64m"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, context)
      .attach(DirFd::open("/tmp").get());
}

}  // namespace rkt::native
