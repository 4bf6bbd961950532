// SPDX-License-Identifier: Apache-2.0
// The root of the namespace is cas/tree alone, so that it holds no other file system of the host, and the file of a
// tree is mounted at the directory "rootfs" beside it. Such a directory can be removed by whoever does not see the
// mount, which then goes, as does the file: removing a tree, or the data directory, needs nothing of this file.
//
// The namespace lives as long as it is mounted at its pin, a file in /run. The kernel copies such a mount into no
// other namespace.
#include "tree/kept_mounts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "sys/lock.h"
#include "tree/mount_file.h"

namespace rkt::tree {
namespace {

constexpr const char* kPins = "/run/rkt/trees";

struct stat stat_of(int fd) {
  struct stat st{};
  if (::fstat(fd, &st) < 0) throw Error::from_errno("stat the trees");
  return st;
}

std::string pin_of(const store::Store& store) {
  const auto st = stat_of(store.trees().get());
  return cat(kPins, "/", st.st_dev, "-", st.st_ino);
}

// Exclusive while a namespace, or a mount in one, is made or let go of.
DirLock lock_pins() {
  (void)make_dirs("/run/rkt");
  return DirLock::take(make_dirs(kPins, 0700).release(), LockMode::exclusive);
}

// Empty: no namespace is pinned there.
UniqueFd open_pin(const std::string& pin) {
  UniqueFd fd(::open(pin.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct statfs fs{};
  if (!fd || ::fstatfs(fd.get(), &fs) < 0 || fs.f_type != NSFS_MAGIC) return {};
  return fd;
}

// Whatever is mounted there, also by somebody who was killed. Whether there was something.
bool unmount_pin(const std::string& pin) {
  bool any = false;
  while (::umount2(pin.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) any = true;
  if (errno != EINVAL && errno != ENOENT) throw Error::from_errno(cat("unmount ", quoted(pin)));
  return any;
}

void unpin(const std::string& pin) {
  if (unmount_pin(pin) && ::unlink(pin.c_str()) < 0 && errno != ENOENT)
    throw Error::from_errno(cat("remove ", quoted(pin)));
}

// A namespace can only be mounted below a mount that hands nothing on: the pin is mounted on itself first. A file that
// is there stays: removing it would unmount what another mount namespace has there. False: the kernel takes ours for
// the younger of the two.
bool pin_down(int space, const std::string& pin) {
  unmount_pin(pin);
  if (!UniqueFd(::open(pin.c_str(), O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)))
    throw Error::from_errno(cat("make ", quoted(pin)));
  if (::mount(pin.c_str(), pin.c_str(), nullptr, MS_BIND, nullptr) < 0 ||
      ::mount(nullptr, pin.c_str(), nullptr, MS_PRIVATE, nullptr) < 0)
    throw Error::from_errno(cat("mount ", quoted(pin), " on itself"));
  if (::mount(cat("/proc/self/fd/", space).c_str(), pin.c_str(), nullptr, MS_BIND, nullptr) == 0) return true;
  const int err = errno;
  unmount_pin(pin);
  if (err == EINVAL) return false;
  throw Error::from_errno(cat("pin a mount namespace at ", quoted(pin)), err);
}

// This process is in the namespace, at its root, while it lives.
class Inside {
 public:
  explicit Inside(int space) {
    if (::setns(space, CLONE_NEWNS) < 0) throw Error::from_errno("join the mount namespace of the trees");
  }
  static struct stat root() { return stat_of(DirFd::open("/").get()); }

 private:
  MountHome home_;
};

// Whether the data directory has been removed.
bool is_orphan(int space) {
  const Inside inside(space);
  return Inside::root().st_nlink == 0;
}

void unpin_orphans(const DirFd& pins) {
  for (const auto& name : pins.names()) {
    const std::string pin = cat(kPins, "/", name);
    if (const UniqueFd space = open_pin(pin); space && is_orphan(space.get())) unpin(pin);
  }
}

UniqueFd make_namespace(const DirFd& trees) {
  const DetachedMount root = DetachedMount::copy(trees.get(), "");
  root.isolate();
  UniqueFd space;
  {
    const MountHome home;
    if (::unshare(CLONE_NEWNS) < 0 || ::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) < 0)
      throw Error::from_errno("make a mount namespace for trees");
    space.reset(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
    if (!space) throw Error::from_errno("open a mount namespace");
    root.attach(DirFd::open(kPins).get());
    change_root(root.fd());
  }
  return space;
}

// Linux 6.18 numbers namespaces by processor, and mounts only those of a greater number than the one we are in. The
// first of all, which hosts are in, is smaller than any; in another one every processor is tried.
UniqueFd make_pinned(const DirFd& trees, const std::string& pin) {
  UniqueFd space = make_namespace(trees);
  if (pin_down(space.get(), pin)) return space;
  cpu_set_t ours;
  if (::sched_getaffinity(0, sizeof ours, &ours) < 0) throw Error::from_errno("get the processors of this process");
  const ScopeExit restore([&] { ::sched_setaffinity(0, sizeof ours, &ours); });
  for (std::size_t i = 0; i < CPU_SETSIZE; ++i) {
    if (!CPU_ISSET(i, &ours)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(i, &one);
    if (::sched_setaffinity(0, sizeof one, &one) < 0) continue;
    space = make_namespace(trees);
    if (pin_down(space.get(), pin)) return space;
  }
  throw Error(Errc::unsupported, "the kernel mounts no mount namespace here");
}

// "/ID/rootfs": where a file of the store at `path` is mounted inside.
std::string place_inside(const std::string& lower, const std::string& path) {
  return lower.substr(cat(path, "/tree").size());
}

bool is_missing(const Tree& tree, const FileMounts& mounts, std::size_t i) {
  return !tree.files[i].empty() && !mounts[i];
}

class Kept {
 public:
  Kept(const store::Store& store, const Tree& tree) : store_(store), tree_(tree), mounts_(tree.files.size()) {}

  FileMounts look() {
    if (const UniqueFd space = open_pin(pin_of(store_))) copy(space.get(), FileMounts(mounts_.size()));
    return std::move(mounts_);
  }

  FileMounts make() {
    mounts_ = look();
    if (is_complete()) return std::move(mounts_);
    const std::string pin = pin_of(store_);
    const DirLock lock = lock_pins();
    UniqueFd space = open_pin(pin);
    if (!space) {
      unpin_orphans(DirFd::open(kPins));
      space = make_pinned(store_.trees(), pin);
    }
    FileMounts own(mounts_.size());
    for (std::size_t i = 0; i < own.size(); ++i)
      if (is_missing(tree_, mounts_, i)) own[i] = mount_file(tree_.files[i]);
    copy(space.get(), own);
    return std::move(mounts_);
  }

 private:
  bool is_complete() const {
    for (std::size_t i = 0; i < mounts_.size(); ++i)
      if (is_missing(tree_, mounts_, i)) return false;
    return true;
  }

  // Of what is mounted, after `own` has been where nothing was.
  void copy(int space, const FileMounts& own) {
    const Inside inside(space);
    const auto root = Inside::root(), trees = stat_of(store_.trees().get());
    if (root.st_dev != trees.st_dev || root.st_ino != trees.st_ino)
      throw Error(Errc::system, "the pinned mount namespace is of another store");
    for (std::size_t i = 0; i < mounts_.size(); ++i) {
      if (!is_missing(tree_, mounts_, i)) continue;
      const std::string place = place_inside(tree_.lowers[i], store_.path());
      if (!is_mount_point(DirFd::open(place).get())) {
        if (!own[i]) continue;
        own[i]->attach(DirFd::open(place).get());
      }
      mounts_[i] = DetachedMount::copy(AT_FDCWD, place);
    }
  }

  const store::Store& store_;
  const Tree& tree_;
  FileMounts mounts_;
};

FileMounts mounts_or_none(const store::Store& store, const Tree& tree, FileMounts (Kept::*how)()) {
  if (!tree.has_files()) return {};
  try {
    return (Kept(store, tree).*how)();
  } catch (const Error& e) {
    log::debug("tree", cat("no mounts are kept: ", e.brief()));
    return {};
  }
}

}  // namespace

FileMounts keep_mounts(const store::Store& store, const Tree& tree) { return mounts_or_none(store, tree, &Kept::make); }

FileMounts kept_mounts(const store::Store& store, const Tree& tree) { return mounts_or_none(store, tree, &Kept::look); }

void release_mounts(const store::Store& store) {
  const std::string pin = pin_of(store);
  if (::access(pin.c_str(), F_OK) < 0) return;
  const DirLock lock = lock_pins();
  unpin(pin);
}

}  // namespace rkt::tree
