// SPDX-License-Identifier: Apache-2.0
// Effects on cgroup directories: the calls that manager.cc is made of. Everything goes through directory descriptors,
// so it also works where cgroupfs is not mounted any more.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/layout.h"
#include "sys/dir.h"

namespace rkt::cgroup {

/// One write(2) of the whole value; the errno, 0 when it went well. cgroup files answer per write, never in part.
int try_write(const DirFd& dir, const std::string& file, std::string_view value);

/// try_write()s in one cgroup: a file that is written several times in a row is opened once.
class Writer {
 public:
  explicit Writer(const DirFd& dir) : dir_(dir) {}
  int write(const std::string& file, std::string_view value);

 private:
  const DirFd& dir_;
  std::string file_;
  UniqueFd fd_;
};

/// mkdir when missing. cpuset's empty lists are filled from the parent where that controller is mounted with it: a
/// cgroup without cpus or memory nodes takes no process.
DirFd make_group(const DirFd& parent, const std::string& name, const Hierarchy& hierarchy);

/// `<top>/<parent>/<name>`, likewise, its parent when missing. One that is there from before is removed first.
DirFd make_new_group(const DirFd& top, const std::string& parent, const std::string& name, const Hierarchy& hierarchy);

/// v2: lets children of this cgroup have `controllers`. Returns those that could not be enabled.
std::vector<std::string> enable_controllers(const DirFd& dir, const std::vector<std::string>& controllers);

/// The opposite, for who gave them and whose children have let go of them.
void disable_controllers(const DirFd& dir, const std::vector<std::string>& controllers);

/// Processes directly in this cgroup, those that a pid namespace hides as 0.
std::vector<pid_t> listed_processes(const DirFd& dir);
/// Those that have a number here.
std::vector<pid_t> processes(const DirFd& dir);
/// Names of the cgroups directly below.
std::vector<std::string> children(const DirFd& dir);

/// How many processes the kernel has killed in and below this cgroup for want of memory; 0 where the memory controller
/// is not here.
std::uint64_t oom_kills(const DirFd& dir, bool v2);

constexpr std::chrono::seconds kDyingTime{10};
constexpr std::chrono::seconds kEmptyingTime{3};  ///< a pod's event loop waits for it

/// Kills everything in and below until nothing is left; Errc::busy when something survives for kDyingTime.
void kill_group(const DirFd& dir, bool v2);
/// The same process by process, for kEmptyingTime; after that the group can be entered again (Group::empty()).
void empty_group(const DirFd& dir, bool v2);

/// False: it is not there, or not empty.
bool remove_if_empty(const DirFd& dir, const std::string& path);
/// Removes those of these cgroups below `dir` that are empty, in this order, without waiting or looking for others.
void remove_empty(const DirFd& dir, const std::vector<std::string>& paths);

/// Removes `name` and all cgroups below, deepest first, waiting while processes die. Missing is fine.
void remove_group(const DirFd& parent, const std::string& name, bool v2);

}  // namespace rkt::cgroup
