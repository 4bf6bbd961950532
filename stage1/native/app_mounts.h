// SPDX-License-Identifier: Apache-2.0
// Performs the mounts of a pod. All of it happens in pid 1's mount namespace, before anything of the image runs:
//
//   PodMounts()   host mounts become slaves; a copy is taken, detached, of each app's root and of each source outside
//                 of it
//   take_root()   a read-only copy of S1 becomes the root of pid 1; the host's mounts are gone from here on
//   share()       where there are several apps, the /sys that each gets a copy of is attached. From here on the root of
//                 the pod's users is enough
//   assemble(i)   app i's root is attached below it, and everything of its plan on top. What else all apps share (proc,
//                 shm, ...) goes into the first one's, and is copied from there
//   assembled()   that /sys is let go of
//   drop(i)       once the app's process has its own copy of the namespace, pid 1 lets go of it
//   let_go()      every descriptor goes too: what apps share hides nothing of the kernel's
//
// In a mutable pod each app is assembled by a process of its own (starter.h), in a copy of the outer process's mount
// namespace: there the file systems that all apps share stay attached below S1, out of the pod's sight.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stage1/native/app_child.h"
#include "stage1/native/mount_plan.h"
#include "sys/dir.h"
#include "sys/mount.h"

namespace rkt::native {

/// What to mount for one app.
struct AppMountPlan {
  std::string name;
  std::vector<MountOp> ops;
  bool read_only_root = false;
  std::string context = {};  ///< SELinux's, of the file systems that are made for it
  int syslog = -1;           ///< becomes /dev/log (syslog.h); borrowed; -1: there is none
};

/// Path of its assembled root, where it is.
std::string assembled_root(const AppMountPlan& app);
/// What of its /proc is masked. Borrows the plan.
std::vector<ProcMask> proc_masks(const AppMountPlan& app);

/// File systems of the kernel that the apps of a pod have in common.
struct SharedMounts {
  DetachedMount proc, sys, devpts, shm, mqueue;

  /// Call in the pod's pid, ipc and network namespaces. `devpts`: the pod's terminals.
  /// `shm_size`: of /dev/shm, in bytes. `context`: SELinux's, of what apps make in them.
  static SharedMounts make(DetachedMount devpts, const std::optional<std::int64_t>& shm_size,
                           const std::string& context);
  /// Copies of what is attached below `root`.
  static SharedMounts copy_of(const std::string& root);
  /// Attaches them below `root`, which has the places: before Linux 6.15 only what is attached can be copied.
  void attach_below(const std::string& root) const;
};

/// The pod's terminals, where attach_below(`root`) put them.
DirFd open_terminals(const std::string& root);

/// A read-only copy of S1 becomes this process's root. With POD as the working directory.
void take_stage1_root();

/// Whose the mounts are.
struct MountOwner {
  int users = -1;  ///< the pod's user namespace; -1: the host's
  uid_t root = 0;  ///< its root, on the host
};

/// What hides something: a file or a directory in which nothing is.
class Cover {
 public:
  DetachedMount::Found put(int dir, const std::string& path, const std::function<DetachedMount()>& make_first);
  void forget() noexcept;  ///< the next one is made anew

 private:
  std::optional<DetachedMount> attached_;  // the first: before Linux 6.15 only what is attached can be copied
  std::optional<DetachedMount> next_;      // not needed yet
};

class PodMounts {
 public:
  /// Call with POD as the working directory, and without a mask for the modes of files.
  PodMounts(const std::vector<AppMountPlan>& apps, SharedMounts shared, const MountOwner& owner = {});
  /// What the person who started the pod should know.
  const std::vector<std::string>& notes() const noexcept { return notes_; }
  void take_root();
  void share();
  /// Once each, the first app first: it gets what the others get copies of.
  void assemble(std::size_t app);
  /// Every app is: what they share is no longer to be seen by pid 1.
  void assembled() const noexcept;
  void drop(std::size_t app) noexcept;
  /// Nothing is assembled any more: every descriptor is closed.
  void let_go() noexcept;

  /// Path of an app's assembled root, for pid 1.
  std::string root_path(std::size_t app) const;
  std::vector<ProcMask> masks(std::size_t app) const { return proc_masks(*apps_[app].plan); }
  int proc() const noexcept { return shared_.proc.fd(); }

 private:
  struct App {
    const AppMountPlan* plan;
    DetachedMount root, dev;
    std::vector<DetachedMount> sources;                             // of the bind operations, in order
    std::vector<std::pair<std::string, DetachedMount>> nodes = {};  // of /dev, where they are the host's
    std::vector<DetachedMount> unfinished = {};                     // read-only when volumes are mounted in them
    std::optional<DetachedMount> proc = {}, sys = {};  // while it is assembled; of the first, proc is shared_'s
  };
  DetachedMount copy_source(const MountOp& op, const MountOwner& owner);
  void perform(App& app, const DirFd& root, const MountOp& op);
  /// The first app gets `shared` itself, the others copies of that.
  void give(const App& app, const DetachedMount& shared, int target) const;
  /// `given`: the nodes, where they are the host's.
  void attach_dev(const DirFd& root, const DetachedMount& dev,
                  std::vector<std::pair<std::string, DetachedMount>> given);
  std::pair<int, std::string> kernels_place(const App& app, const std::string& target) const;
  void hide(App& app, const MountOp& op);
  static DetachedMount::Found hide_until_mounted(App& app, int mount, const std::string& path);
  void bind(const DirFd& root, const MountOp& op, const DetachedMount& source);

  std::vector<App> apps_;
  std::vector<std::string> notes_;
  SharedMounts shared_;
  Cover empty_file_, empty_directory_;
  std::optional<DetachedMount> null_node_;  // /dev/null of the app that is being assembled
};

}  // namespace rkt::native
