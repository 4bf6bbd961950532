// SPDX-License-Identifier: Apache-2.0
// The directory of pins is a mount of its own which hands nothing on, because the kernel mounts a namespace nowhere
// else; and it copies such a mount into no other namespace.
#include "tree/mount_pin.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/mount.h"
#include "sys/ns.h"
#include "tree/kept_child.h"
#include "tree/mount_file.h"

namespace rkt::tree {
namespace {

constexpr const char* kPins = "/run/rkt/trees";

std::string pin_path(const std::string& name) { return cat(kPins, "/", name); }

std::string lock_name(const std::string& pin) { return cat(".", pin); }

std::string pin_name(const store::Store& store) {
  struct stat st{};
  if (::fstat(store.trees().get(), &st) < 0) throw Error::from_errno("stat the trees");
  return cat(st.st_dev, "-", st.st_ino);
}

DirFd make_pins() {
  (void)make_dirs("/run/rkt");
  return make_dirs(kPins, 0700);
}

UniqueFd open_pin(const std::string& name) {
  UniqueFd fd(::open(pin_path(name).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd || ::ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNS) return {};
  return fd;
}

// Once a boot, as `ip netns` makes its own. Two at the same time would stack two mounts.
void separate_pins() {
  const auto once = DirLock::try_take(DirFd::open(kPins).release(), LockMode::exclusive);
  if (!once) throw Error(Errc::busy, "somebody else is making the directory of mount namespaces");
  if (!is_mount_point(DirFd::open(kPins).get()) && ::mount(kPins, kPins, nullptr, MS_BIND, nullptr) < 0)
    throw Error::from_errno(cat("mount ", quoted(kPins), " on itself"));
  if (::mount(nullptr, kPins, nullptr, MS_PRIVATE, nullptr) < 0)
    throw Error::from_errno(cat("make the mount ", quoted(kPins), " private"));
}

// Whatever is mounted there, also by somebody who was killed.
void unmount_pin(const std::string& path) {
  while (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
  }
  if (errno != EINVAL && errno != ENOENT) throw Error::from_errno(cat("unmount ", quoted(path)));
}

// Under its lock.
void unpin(const DirFd& pins, const std::string& name) {
  unmount_pin(pin_path(name));
  for (const auto& file : {name, lock_name(name)}) ::unlinkat(pins.get(), file.c_str(), 0);
}

void unpin_if_orphan(const DirFd& pins, const std::string& name) {
  const UniqueFd space = open_pin(name);
  const auto lock = space ? KeyLock::try_take(pins, lock_name(name), LockMode::exclusive) : std::nullopt;
  if (!lock) return;
  Visit visit{.space = space.get(), .files = nullptr, .count = 0, .root = {}};
  run_apart(visit_space, &visit);
  if (visit.failed != nullptr) throw Error::from_errno(visit.failed, visit.error);
  if (visit.removed) unpin(pins, name);
}

void unpin_orphans(const DirFd& pins) {
  for (const auto& name : pins.names()) {
    try {
      if (!name.starts_with('.')) unpin_if_orphan(pins, name);
    } catch (const Error& e) {
      log::debug("tree", cat("the pin ", quoted(name), " stays: ", e.brief()));
    }
  }
}

// The root of the namespace is cas/tree alone, so that it holds no other file system of the host.
UniqueFd make_namespace(const DirFd& trees) {
  const DetachedMount root = DetachedMount::copy(trees.get(), "");
  root.isolate();
  NewSpace made{.root = root.fd(), .place = kPins};
  run_apart(make_space, &made);
  UniqueFd space(made.space);
  if (made.failed != nullptr) throw Error::from_errno(made.failed, made.error);
  return space;
}

}  // namespace

MountPin::MountPin(const store::Store& store) : name_(pin_name(store)), pins_(make_pins()) {}

UniqueFd MountPin::open() const { return open_pin(name_); }

// Pods that start at the same time are to share what one of them makes, which takes milliseconds.
std::optional<KeyLock> MountPin::lock() const {
  constexpr int kTries = 30, kBetweenTriesMs = 10;
  for (int i = 0; i < kTries; ++i) {
    if (auto lock = KeyLock::try_take(pins_, lock_name(name_), LockMode::exclusive)) return lock;
    ::poll(nullptr, 0, kBetweenTriesMs);
  }
  return std::nullopt;
}

UniqueFd MountPin::make(const DirFd& trees) const {
  separate_pins();
  unpin_orphans(pins_);
  UniqueFd space = make_namespace(trees);
  const std::string path = pin_path(name_);
  unmount_pin(path);
  (void)pins_.open_file(name_, O_RDONLY | O_CREAT, 0600);
  if (::mount(cat("/proc/self/fd/", space.get()).c_str(), path.c_str(), nullptr, MS_BIND, nullptr) < 0)
    throw Error::from_errno(cat("pin a mount namespace at ", quoted(path)));
  return space;
}

void MountPin::release(const store::Store& store) {
  if (::access(pin_path(pin_name(store)).c_str(), F_OK) < 0) return;
  const MountPin pin(store);
  if (const auto lock = KeyLock::try_take(pin.pins_, lock_name(pin.name_), LockMode::exclusive))
    unpin(pin.pins_, pin.name_);
}

}  // namespace rkt::tree
