// SPDX-License-Identifier: Apache-2.0
// The cgroups of one pod, over cgroup v1, the hybrid layout and v2. Decisions are in layout.h (pure); this file makes
// directories, writes limits and hands out what a child needs to get in.
//
// How a process gets in matters: a write to cgroup.procs takes a lock that waits for an RCU grace period (7 ms on an
// idle machine), a thread that moves only itself by a write of "0" to v1's tasks does not (55 us), and
// CLONE_INTO_CGROUP costs nothing. So children are born inside (v2) or join by themselves, single-threaded (v1); only
// rkt itself is moved, when it is alone in a v2 cgroup that its pod is to have controllers of.
//
// Only hierarchies that are needed are touched: one for tracking (cgroup2 where mounted, else name=systemd, else a
// controller), and those of the limits that somebody set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/uuid.h"
#include "cgroup/layout.h"
#include "cgroup/limits.h"
#include "sys/dir.h"

namespace rkt::cgroup {

/// How a child gets in, by system calls only. Borrowed descriptors of a Group; plain data for a child's plan.
///   clone3(CLONE_INTO_CGROUP, cgroup = into) when into >= 0; then, first thing in the child, write(join[i], "0", 1).
/// A cgroup namespace must be unshared after that: clone's own CLONE_NEWCGROUP takes the parent's cgroup as root.
struct Entry {
  static constexpr int kMax = 8;
  int into = -1;
  int join[kMax] = {-1, -1, -1, -1, -1, -1, -1, -1};
  int joins = 0;
};
static_assert(std::is_trivially_copyable_v<Entry> && std::is_standard_layout_v<Entry>);

/// One cgroup in all hierarchies it needs: descriptors only, so that it works where cgroupfs is not mounted (pod pid
/// 1).
class Group {
 public:
  /// Which descriptors it consists of. With these another process, which starts something in here, makes the same.
  struct Form {
    bool tracks = false, v2 = false;
    std::uint8_t joins = 0;
    std::size_t descriptors() const noexcept { return joins + (tracks ? 1U : 0U); }
  };
  Form form() const noexcept;
  std::vector<int> descriptors() const;  ///< borrowed; as many as form() says
  static Group make(const Form& form, std::span<UniqueFd> descriptors);

  Entry entry() const noexcept;
  /// Kills every process inside, and waits until none is left. The group must not be entered again (kernels to 6.18 at
  /// least kill whoever is born by CLONE_INTO_CGROUP into a cgroup that was ever killed): PodCgroups::app() makes a new
  /// one.
  void kill_all() const;
  /// The same, slower, for a group that is to be entered again, and with three seconds' patience.
  void empty() const;
  /// Sends a signal to every process that is inside now, but `except`. Those that are born meanwhile may miss it.
  void signal(int number, pid_t except = 0) const;
  bool tracks() const noexcept { return static_cast<bool>(tracking_); }  ///< false: there are no cgroups here
  /// Whether the process is in here; true where there are no cgroups.
  bool contains(pid_t pid) const;

 private:
  friend class PodCgroups;
  DirFd tracking_;  // directory in the tracking hierarchy; empty: no cgroups here
  bool tracking_is_v2_ = false;
  std::vector<UniqueFd> join_;  // v1 "tasks" files
};

using Warn = std::function<void(std::string_view)>;
using Record = std::function<void(std::string_view state)>;

/// The pod's cgroup and those below it: `<own>/machine-rkt\x2d….scope` in every hierarchy that is needed.
class PodCgroups {
 public:
  /// `needs`: the union over all apps, or Needs::all() for a pod whose apps are not known yet. No usable cgroup at all
  /// (not mounted, read-only): said through `warn`, and every later call is a no-op. `record` stores what state() will
  /// be, or more, before a directory is made, so that a crash never leaves one that gc does not know; not called after
  /// make_limiting(), which app() calls, and limit_pod() where it limits something. has() is complete then.
  static PodCgroups create(const Uuid& uuid, const Needs& needs, Warn warn, Record record);
  /// For gc, enter and app operations: from what state() gave, kept in POD/cgroups. Missing directories are fine.
  static PodCgroups open(const Uuid& uuid, std::string_view state);

  /// What is not needed before an app is there: the places in hierarchies that only limit.
  void make_limiting();

  /// Who starts processes in the groups made from here on: it must own the files that it is asked about (v2).
  void set_owner(std::uint32_t id) { owner_ = id; }
  Group init();  ///< where the pod's pid 1 goes; made when missing
  /// `<pod>/system.slice/<name>.service`, made and limited; one that is there from before is removed first.
  Group app(const std::string& name, const Limits& asked);
  /// Of everything in the pod together. Before any group is made: where the pod is limited, everybody has to go in.
  void limit_pod(const Limits& asked);
  /// Whether limits of that kind are enforced here.
  bool has(std::string_view controller) const;
  std::optional<Group> find_app(const std::string& name) const;
  void remove_app(const std::string& name);  ///< kills what is left inside; missing is fine
  /// Processes of the app that the kernel killed for want of memory; 0 where nobody counts them (no memory limit).
  std::uint64_t oom_kills(const std::string& name) const;
  void kill_all() const;
  /// Of the directories those in which nobody is, as far as they were made here; the others stay for remove(). Nothing
  /// is waited for.
  void remove_idle();
  /// Every directory, deepest first; one that is busy is waited for (its processes are dying). Missing is fine.
  void remove();

  std::string subcgroup() const;  ///< text of POD/subcgroup: the path in the tracking hierarchy, "" when there is none
  std::string state() const;      ///< text of POD/cgroups, in the form of /proc/PID/cgroup (private to our stage1)

 private:
  struct Place {
    Hierarchy hierarchy;
    std::vector<std::string> controllers;  // those of them that limit here
    std::string pod;                       // path of the pod's cgroup inside the hierarchy
    DirFd parent;                          // the directory that holds it
    DirFd dir;                             // of the pod's cgroup; empty when it is not there
    bool limited = false;                  // the pod as a whole
    bool removed = false;                  // by remove_idle()
  };
  struct Limiting {
    Hierarchy hierarchy;
    std::vector<std::string> controllers;
  };
  bool add_place(const Choice::Use& use, const std::string& base);
  bool make_place(const Choice::Use& use, const std::string& base);
  bool add_unified(const Choice::Use& use);
  bool add_elsewhere(const Choice::Use& use, const DirFd& own, const std::vector<std::string>& wanted,
                     std::vector<std::string>& missing);
  bool move_aside(const Choice::Use& use);
  void move_back();
  void remove_quietly() noexcept;
  void warn_missing(std::string_view controller) const;
  Limits with_disks(Limits limits) const;
  void limit(const Place& place, const DirFd& dir, const Limits& limits) const;
  void collect(Group& group, const Place& place, const DirFd& dir, bool first) const;
  void give_to_owner(const DirFd& dir) const;

  std::uint32_t owner_ = 0;
  std::string scope_;
  Mode mode_ = Mode::none;
  std::vector<Place> places_;      // [0] is the tracking hierarchy
  std::vector<Limiting> to_make_;  // places of make_limiting()
  std::set<std::string> made_;     // names of apps
  bool moved_ = false;             // this process, into the pod's cgroup
  Warn warn_;
  Record record_;
};

}  // namespace rkt::cgroup
