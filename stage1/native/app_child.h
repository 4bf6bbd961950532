// SPDX-License-Identifier: Apache-2.0
// What becomes of a clone on its way to be an app, an event handler or an entered command: the plan that its parent
// made, and the record of the step that failed.
//
// The record lies in memory that parent and child share, not in a pipe: after the seccomp filter is on (last before
// exec) the child may not be allowed to write, and the parent need not wait for anything at the start. Whoever reaps
// the process looks at it: a step other than `none` means that the program never ran.
//
// Into a pid namespace in which something runs already, one step more is needed: an image may ask for CAP_SYS_PTRACE,
// and with it look into whoever appears there. So the clone stays outside of that namespace until it has nothing left
// that the app does not get (capabilities, descriptors, root directory), and then clones the process that enters it.
// It comes from the mount namespace of its parent, or from that of the host, and then joins the pod's (`mounts`).
//
// An app with processes of its own is process 1 of a new pid namespace from its clone on, for only there can its /proc
// be made, which takes capabilities. Nobody is in there with it, and who sees it from the pod's has no CAP_SYS_PTRACE
// (plan.h). Its /proc comes in place of the pod's, which the parent has mounted for it and masked: what hides a part
// there is copied from it, so that nothing of an image ever does.
#pragma once

#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "stage1/common/exec_flaw_child.h"

namespace rkt::native {

enum class AppStep : std::uint8_t {
  none,
  signals,
  limits,
  cgroup,
  proc,
  root,
  descriptors,
  session,
  oom_score,
  label,
  directory,
  group,
  user,
  capabilities,
  seccomp,
  process,
  search,
  exec
};

struct AppFault {
  AppStep step;
  int err;
  pid_t inside;   // with `pid_namespace`: the process that went in, a child of this one's parent. With `own_processes`
                  // this is its number in that namespace, ...
  pid_t between;  // ... and this was its maker, which the same parent has to reap
  stage1::ExecFinding finding;  // at the step `exec`
};

constexpr int kLongestPid = 10;  ///< digits

/// A part of /proc that the app does not get as the kernel shows it.
struct ProcMask {
  const char* path;  ///< below /proc
  bool hide;         ///< false: read-only
};

/// Exit status of a child that failed at this step; numbers as the reference (pods §7.2).
int status_of(AppStep step) noexcept;
/// "change to the working directory"
const char* describe(AppStep step) noexcept;

struct AppChildPlan {
  AppFault* fault;  // shared with the parent
  const int* join;  // v1 `tasks` files to write "0" into
  int joins;
  int cgroup_namespace;   // pidfd of a process in the one to go into; -1: a new one, after joining
  const char* root;       // path that becomes "/"; nullptr: it is "/" already
  bool own_processes;     // process 1 of a pid namespace of its own; with `pid_namespace`, of one below that
  const ProcMask* masks;  // with `own_processes`: of its /proc
  int mask_count;
  int stdio[3];               // become 0, 1, 2; all of them above 2
  bool controlling_terminal;  // of descriptor 0
  int proc;                   // the kernel's /proc, not the image's: for the OOM score and the label
  const char* oom_score;      // nullptr: inherited
  const char* label_file;     // below /proc; nullptr: no security module's label
  const char* label;
  const char* directory;
  uid_t uid;
  gid_t gid;
  const gid_t* groups;
  std::size_t group_count;
  bool keeps_groups;   // a user namespace of one id: nobody in it may change them
  std::uint64_t caps;  // bounding set
  bool no_new_privs;
  const sock_fprog* filter;  // nullptr: none
  int pid_namespace;         // pidfd of a process in the one to go into; -1: this is the one
  bool user_namespace;       // with `pid_namespace`: into that process's user namespace too
  int mounts;       // with `pid_namespace`: the mount namespace that has `root`, of which it makes a copy; -1: this one
  int namespaces;   // with `mounts`: CLONE_NEW… that it joins besides, of the process of `pid_namespace`
  char* arguments;  // this process's own, wiped: they are the engine's, and whoever sees the process may read them
  std::size_t arguments_size;
  std::uint64_t permit;  // with `pid_namespace`: what `filter` takes for a permit as third argument; see sys/seccomp.h
  const int* sockets;    // become 3, 4, …; all of them above where the gate goes, which is behind those
  int socket_count;
  char* listen_pid;  // room for a number in `envp`: this process's ID, which it alone knows. nullptr: not wanted
  int gate[2];  // a pipe. With its read end: nothing is executed before the write end is closed by all. With the write
                // end alone: it is open until this one executes something. -1: no such end
  const rlimit* limits;       // of each kind but descriptors; nullptr: this process's own
  const rlimit* descriptors;  // nullptr: the same
  char** argv;                // argv[0] is executed
  char* const* places;        // the first of these that could be; nullptr: argv[0] says where it is
  char* const* envp;
};
static_assert(std::is_trivially_copyable_v<AppChildPlan> && std::is_standard_layout_v<AppChildPlan>);

[[noreturn]] void app_child(const AppChildPlan& plan) noexcept;

}  // namespace rkt::native
