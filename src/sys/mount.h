// SPDX-License-Identifier: Apache-2.0
// Mounts as descriptors (the API of Linux 5.2 and 5.12): a DetachedMount is visible nowhere until it is attached, and
// is undone when its owner goes before that. Targets are descriptors, so that no path of an image is ever walked by
// mount(2).
#pragma once

#include <sys/mount.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "sys/fd.h"

namespace rkt {

class DetachedMount {
 public:
  enum class Depth { this_mount, recursive };
  using Option = std::pair<const char*, const char*>;  ///< value nullptr: a flag

  /// A copy of what is at `path` below `dir` (a bind mount without a place). AT_FDCWD and absolute paths serve; "" is
  /// `dir` itself. Throws.
  static DetachedMount copy(int dir, const std::string& path, Depth depth = Depth::this_mount);
  /// nullopt: there is nothing.
  static std::optional<DetachedMount> find(int dir, const std::string& path);
  /// A new file system. `attributes`: MOUNT_ATTR_…. `context`: SELinux's, of everything in it; "": the policy's.
  static DetachedMount make(const char* type, std::initializer_list<Option> options, std::uint64_t attributes,
                            const std::string& context = {});

  /// One that another process made.
  static DetachedMount adopt(UniqueFd fd) noexcept { return DetachedMount(std::move(fd)); }

  int fd() const noexcept { return fd_.get(); }  ///< serves as a directory descriptor
  /// Sets MOUNT_ATTR_… flags on it, and with Depth::recursive on everything below.
  void restrict(std::uint64_t attributes, Depth depth = Depth::this_mount) const;
  /// Takes such flags back, unless they are the host's and this is a user namespace.
  void permit(std::uint64_t attributes) const;
  /// What belongs to id 0 of the file system belongs to the root of that user namespace, and so on; the file system is
  /// not changed. False: it, or one below it with Depth::recursive, cannot do that.
  bool map_owners(int user_namespace, Depth depth = Depth::this_mount) const;
  /// What is mounted in the place it was copied from later does not appear in it; sets flags as restrict() does.
  /// Recursive.
  void isolate(std::uint64_t attributes = 0) const;
  /// It appears, but what is mounted in it appears nowhere else. Recursive.
  void receive_only() const;
  /// Puts it on top of the file or directory `target` (any descriptor of it). The descriptor stays usable.
  void attach(int target) const;
  enum class Found { attached, missing, other_kind };
  /// The same for what is at `path` in the directory `dir`, if it is a directory as this is, or a file as this is. A
  /// link as the last part is not followed; only for places whose parents are ours.
  Found attach_if_there(int dir, const std::string& path) const;
  /// The same, and throws when it is not.
  void attach(int dir, const std::string& path) const;

 private:
  explicit DetachedMount(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  void set_propagation(std::uint64_t type, std::uint64_t attributes = 0) const;
  UniqueFd fd_;
};

UniqueFd own_mount_namespace();

/// Of a host of many pods: tens of thousands of lines.
inline constexpr std::size_t kMountinfoLimit = std::size_t{256} << 20;
/// The text of /proc/self/mountinfo (proc_pid_mountinfo(5)).
std::string read_mountinfo();

/// Remembers the mount namespace, root and working directory of this process; the destructor returns to them when they
/// were left: to the root directory where this process may not open the working directory (FUSE of another user).
/// Leaving a namespace cannot be allowed to fail: the process ends if the kernel refuses. Single-threaded programs
/// only.
class MountHome {
 public:
  MountHome();
  ~MountHome();
  MountHome(MountHome&&) = delete;

 private:
  UniqueFd home_, root_, cwd_;
};

/// A mount namespace of its own while it lives: what is mounted in it is seen by this process and its children alone,
/// and is gone afterwards. Descriptors of directories that were opened before belong to the old one: nothing can be
/// mounted through them.
class PrivateMounts {
 public:
  PrivateMounts();

 private:
  MountHome home_;
};

/// Mounts below "/" of this mount namespace receive what is mounted on the host later, and give nothing back.
void receive_mounts_only();

/// `root`, a mount point in this namespace, becomes "/" of the namespace; everything else is detached. The working
/// directory is the new "/" afterwards.
void change_root(int root);

}  // namespace rkt
