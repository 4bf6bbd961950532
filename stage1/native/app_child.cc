// SPDX-License-Identifier: Apache-2.0
// Runs after clone, before exec: system calls only.
//
// The order is forced: cgroups first, so that everything is accounted; the cgroup namespace after that, since its root
// is where its maker is; the root before the working directory; ids after everything that needs root; the seccomp
// filter last, since a list may refuse any of the calls above. What comes after it on the way into another pid
// namespace carries the permit that the filter was given.
#include "stage1/native/app_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace rkt::native {
namespace {

constexpr int kFirstSocket = 3;          // sd_listen_fds(3)
constexpr int kHighestCapability = 63;   // prctl refuses those that the kernel does not have
constexpr const char* kAside = "/proc";  // a directory of S1

[[noreturn]] void die(const AppChildPlan& p, AppStep step) noexcept {
  p.fault->err = errno;
  p.fault->step = step;
  // Last: the app's filter may have the process killed for it.
  if (step == AppStep::exec) find_exec_flaw(AT_FDCWD, RESOLVE_NO_MAGICLINKS, p.argv[0], p.fault->finding);
  ::_exit(status_of(step));
}

// The kernel's own layout: glibc's sigaction() refuses the two signals it keeps for itself.
struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

struct CapabilitySets {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

  explicit CapabilitySets(const AppChildPlan& p) noexcept {
    if (::syscall(SYS_capget, &header, data) < 0) die(p, AppStep::capabilities);
  }
  void apply(const AppChildPlan& p) noexcept {
    if (::syscall(SYS_capset, &header, data, p.permit) < 0) die(p, AppStep::capabilities);
  }
};

void reset_signals(const AppChildPlan& p) noexcept {
  for (int s = 1; s <= 64; ++s) {
    if (s == SIGKILL || s == SIGSTOP) continue;
    const KernelSigaction dfl{SIG_DFL, 0, nullptr, 0};
    if (::syscall(SYS_rt_sigaction, s, &dfl, nullptr, sizeof dfl.mask) < 0) die(p, AppStep::signals);
  }
  const unsigned long none = 0;
  if (::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none) < 0) die(p, AppStep::signals);
}

// While it may raise them.
void take_limits(const AppChildPlan& p) noexcept {
  if (p.limits == nullptr) return;
  for (int kind = 0; kind < RLIM_NLIMITS; ++kind)
    if (kind != RLIMIT_NOFILE && ::syscall(SYS_prlimit64, 0, kind, &p.limits[kind], nullptr) < 0)
      die(p, AppStep::limits);
}

// Where it is once everything else is closed.
int gate_place(const AppChildPlan& p) noexcept { return kFirstSocket + p.socket_count; }

void pass_gate(const AppChildPlan& p) noexcept {
  char nothing = 0;
  if (p.gate[0] < 0) return;
  const int gate = gate_place(p);
  if (::read(gate, &nothing, 1) < 0) die(p, AppStep::capabilities);
  ::close(gate);
}

// From the host's namespaces into the pod's; nothing of what this process is comes with it.
void leave_host(const AppChildPlan& p) noexcept {
  if (p.mounts < 0) return;
  for (std::size_t i = 0; i < p.arguments_size; ++i) p.arguments[i] = '\0';
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || ::prctl(PR_SET_DUMPABLE, 0) < 0) die(p, AppStep::process);
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS) die(p, AppStep::session);
  if (::setns(p.mounts, CLONE_NEWNS) < 0) die(p, AppStep::root);
  if (p.namespaces != 0 && ::setns(p.pid_namespace, p.namespaces) < 0) die(p, AppStep::process);
}

// By the pod's root, if its users are private: then it belongs to them.
void copy_mounts(const AppChildPlan& p) noexcept {
  if (p.mounts >= 0 && ::unshare(CLONE_NEWNS) < 0) die(p, AppStep::root);
}

// Before the user namespace, whose root may not look into every process there. This one was born where it belongs.
void find_cgroup_namespace(const AppChildPlan& p) noexcept {
  if (p.cgroup_namespace >= 0 && ::setns(p.cgroup_namespace, CLONE_NEWCGROUP) < 0) die(p, AppStep::cgroup);
}

void find_pid_namespace(const AppChildPlan& p) noexcept {
  // In one call: who is in the user namespace may not go into a pid namespace of the host's any more.
  const int kinds = CLONE_NEWPID | (p.user_namespace ? CLONE_NEWUSER : 0);
  if (p.pid_namespace >= 0 && ::setns(p.pid_namespace, kinds) < 0) die(p, AppStep::process);
}

void join_cgroups(const AppChildPlan& p) noexcept {
  for (int i = 0; i < p.joins; ++i)
    if (::write(p.join[i], "0", 1) < 0) die(p, AppStep::cgroup);
  if (p.cgroup_namespace < 0 && ::unshare(CLONE_NEWCGROUP) < 0) die(p, AppStep::cgroup);
}

// Returns in the first process of the new namespace, whose parent is this one's. This one ends. A pid namespace is made
// from within the one above it, so there is a process between the two; this one waits until it has ended.
void become_first(const AppChildPlan& p) noexcept {
  if (!p.own_processes || p.pid_namespace < 0) return;
  const long between = ::syscall(SYS_clone, CLONE_VFORK | CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (between < 0) die(p, AppStep::process);
  if (between > 0) {
    p.fault->between = static_cast<pid_t>(between);
    ::_exit(0);
  }
  const long pid = ::syscall(SYS_clone, CLONE_NEWPID | CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid < 0) die(p, AppStep::process);
  if (pid == 0) return;
  p.fault->inside = static_cast<pid_t>(pid);
  ::_exit(0);
}

int open_below(int dir, const char* path) noexcept {
  open_how how{};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, dir, path, &how, sizeof how));
}

void attach(const AppChildPlan& p, int mount, int target) noexcept {
  constexpr unsigned kByDescriptors = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  if (::syscall(SYS_move_mount, mount, "", target, "", kByDescriptors) < 0) die(p, AppStep::proc);
}

int make_proc(const AppChildPlan& p) noexcept {
  const auto fs = static_cast<int>(::syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC));
  if (fs < 0 || ::syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) die(p, AppStep::proc);
  const long proc =
      ::syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (proc < 0) die(p, AppStep::proc);
  ::close(fs);
  return static_cast<int>(proc);
}

// `pods`: the pod's /proc, where the engine's masks are.
void mask(const AppChildPlan& p, int proc, int pods, const ProcMask& m) noexcept {
  const int there = open_below(proc, m.path);
  if (there < 0 && errno == ENOENT) return;
  const int source = m.hide ? open_below(pods, m.path) : there;
  const auto copy = static_cast<int>(
      ::syscall(SYS_open_tree, source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | static_cast<unsigned>(AT_EMPTY_PATH)));
  mount_attr read_only{};
  read_only.attr_set = MOUNT_ATTR_RDONLY;
  if (there < 0 || source < 0 || copy < 0 ||
      ::syscall(SYS_mount_setattr, copy, "", AT_EMPTY_PATH, &read_only, sizeof read_only) < 0)
    die(p, AppStep::proc);
  struct statfs what{};
  // One that came into being after the pod's was masked: hidden by itself it would not be.
  if (m.hide && (::syscall(SYS_fstatfs, copy, &what) < 0 || what.f_type == PROC_SUPER_MAGIC)) {
    errno = EBUSY;
    die(p, AppStep::proc);
  }
  attach(p, copy, there);
  ::close(copy);
  if (source != there) ::close(source);
  ::close(there);
}

// In the app's root. The pod's /proc goes aside, out of it, and with the old root away.
void take_proc(const AppChildPlan& p) noexcept {
  if (!p.own_processes) return;
  const int pods = open_below(AT_FDCWD, "proc");
  if (pods < 0 || ::syscall(SYS_move_mount, pods, "", AT_FDCWD, kAside, MOVE_MOUNT_F_EMPTY_PATH) < 0)
    die(p, AppStep::proc);
  const int proc = make_proc(p);
  const int place = open_below(AT_FDCWD, "proc");
  if (place < 0) die(p, AppStep::proc);
  attach(p, proc, place);
  for (int i = 0; i < p.mask_count; ++i) mask(p, proc, pods, p.masks[i]);
  ::close(place);
  ::close(proc);
  ::close(pods);
}

void take_root(const AppChildPlan& p) noexcept {
  if (p.root == nullptr) return;
  if (::chdir(p.root) < 0) die(p, AppStep::root);
  take_proc(p);
  // The old root lies on top of the new one after pivot_root(".", "."), and is what "." names.
  if (::syscall(SYS_pivot_root, ".", ".") < 0 || ::umount2(".", MNT_DETACH) < 0 || ::chdir("/") < 0)
    die(p, AppStep::root);
}

void take_descriptors(const AppChildPlan& p) noexcept {
  for (int i = 0; i < 3; ++i)
    if (::dup3(p.stdio[i], i, 0) < 0) die(p, AppStep::descriptors);
}

void make_session(const AppChildPlan& p) noexcept {
  if (::syscall(SYS_setsid, 0, 0, p.permit) < 0) die(p, AppStep::session);
  if (p.controlling_terminal && ::syscall(SYS_ioctl, 0, TIOCSCTTY, p.permit) < 0) die(p, AppStep::session);
}

// Not left to exec: others may look into this process, and exec opens what the image names (the interpreter of a
// script) before it closes anything.
void close_descriptors(const AppChildPlan& p) noexcept {
  const int end = p.gate[0] >= 0 ? p.gate[0] : p.gate[1];
  const bool gate = end >= 0;
  const int place = gate_place(p);
  if (gate && end != place && ::dup3(end, place, O_CLOEXEC) < 0) die(p, AppStep::descriptors);
  for (int i = 0; i < p.socket_count; ++i)
    if (::dup3(p.sockets[i], kFirstSocket + i, 0) < 0) die(p, AppStep::descriptors);
  if (::syscall(SYS_close_range, static_cast<unsigned>(place) + (gate ? 1U : 0U), ~0U, 0) < 0)
    die(p, AppStep::descriptors);
  if (p.descriptors != nullptr && ::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, p.descriptors, nullptr) < 0)
    die(p, AppStep::descriptors);
}

void write_listen_pid(const AppChildPlan& p) noexcept {
  if (p.listen_pid == nullptr) return;
  char digits[kLongestPid];
  int count = 0;
  for (long pid = ::syscall(SYS_getpid, 0, 0, p.permit); pid > 0 && count < kLongestPid; pid /= 10)
    digits[count++] = static_cast<char>('0' + pid % 10);
  for (int i = 0; i < count; ++i) p.listen_pid[i] = digits[count - 1 - i];
  p.listen_pid[count] = '\0';
}

void write_own(const AppChildPlan& p, const char* file, const char* text, AppStep step) noexcept {
  if (text == nullptr) return;
  std::size_t size = 0;
  while (text[size] != '\0') ++size;
  const int fd = ::openat(p.proc, file, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ::write(fd, text, size) < 0) die(p, step);
}

// What the image names is never a way through /proc to what this process, or pid 1, has open of the host's (the
// CVE-2024-21626 class), nor to the program that this process was cloned from (CVE-2019-5736). For the program this
// gives the clear error; what holds, also when the file is exchanged before exec, is that nothing of the host's is open
// by then and that the engine's program cannot be executed any more (forbid_own_program in run.cc).
int open_plain(const char* path, std::uint64_t flags) noexcept {
  open_how how{};
  how.flags = flags | O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
}

void take_directory(const AppChildPlan& p) noexcept {
  const int fd = open_plain(p.directory, O_DIRECTORY);
  if (fd < 0 || ::syscall(SYS_fchdir, fd) < 0) die(p, AppStep::directory);
}

bool is_program(const char* path) noexcept {
  const int fd = open_plain(path, 0);
  struct stat st{};
  if (fd < 0) return false;
  const bool is = ::syscall(SYS_fstat, fd, &st) == 0 && !S_ISDIR(st.st_mode) && (st.st_mode & 0111) != 0;
  ::close(fd);
  return is;
}

// As stage1/common/lookup.h, with the app's volumes in place.
void find_program(const AppChildPlan& p) noexcept {
  if (p.places == nullptr) {
    if (open_plain(p.argv[0], 0) < 0) die(p, AppStep::exec);
    return;
  }
  for (char* const* place = p.places; *place != nullptr; ++place)
    if (is_program(*place)) {
      p.argv[0] = *place;
      return;
    }
  errno = ENOENT;
  die(p, AppStep::search);
}

// By raw system calls: libc's wrappers would signal threads that a clone does not have.
void take_ids(const AppChildPlan& p) noexcept {
  // What the caller of rkt had made inheritable would come on top of the bounding set when root executes something.
  CapabilitySets sets(p);
  for (auto& half : sets.data) half.inheritable = 0;
  sets.apply(p);
  for (int cap = 0; cap <= kHighestCapability; ++cap) {
    if ((p.caps >> cap & 1U) != 0 || ::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // the kernel knows none from here on
    die(p, AppStep::capabilities);
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) die(p, AppStep::capabilities);
  if ((!p.keeps_groups && ::syscall(SYS_setgroups, p.group_count, p.groups) < 0) ||
      ::syscall(SYS_setresgid, p.gid, p.gid, p.gid) < 0)
    die(p, AppStep::group);
  // From root to another user the kernel clears the permitted set; root's is bounded by exec.
  if (::syscall(SYS_setresuid, p.uid, p.uid, p.uid) < 0) die(p, AppStep::user);
  // Where fs.suid_dumpable is 1 that has made this process one that others of the user may look into, until exec.
  if (::prctl(PR_SET_DUMPABLE, 0) < 0) die(p, AppStep::user);
}

void take_filter(const AppChildPlan& p) noexcept {
  if (p.no_new_privs && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) die(p, AppStep::capabilities);
  // Without no_new_privs this needs CAP_SYS_ADMIN, which root has until exec, or until it goes inside.
  if (p.filter != nullptr && ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, p.filter) < 0) die(p, AppStep::seccomp);
}

// Returns in the process that is inside; its parent is this one's. This one ends.
void go_inside(const AppChildPlan& p, CapabilitySets& sets) noexcept {
  for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
    const auto allowed = static_cast<std::uint32_t>(p.caps >> (32 * i));
    sets.data[i].permitted &= allowed;
    sets.data[i].effective &= allowed;
  }
  sets.apply(p);
  const long pid = ::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, p.permit, nullptr, nullptr);
  if (pid < 0) die(p, AppStep::process);
  if (pid == 0) {
    make_session(p);
    return write_listen_pid(p);
  }
  p.fault->inside = static_cast<pid_t>(pid);
  ::_exit(0);
}

}  // namespace

int status_of(AppStep step) noexcept {
  switch (step) {
    case AppStep::none:
      return 0;
    case AppStep::signals:
      return 207;
    case AppStep::limits:
      return 205;
    case AppStep::cgroup:
      return 219;
    case AppStep::proc:
    case AppStep::root:
      return 226;
    case AppStep::descriptors:
      return 208;
    case AppStep::session:
      return 220;
    case AppStep::oom_score:
      return 206;
    case AppStep::label:
      return 229;
    case AppStep::directory:
      return 200;
    case AppStep::group:
      return 216;
    case AppStep::user:
      return 217;
    case AppStep::capabilities:
      return 218;
    case AppStep::seccomp:
      return 228;
    case AppStep::process:
      return 254;
    case AppStep::search:
    case AppStep::exec:
      return 203;
  }
  return 254;
}

const char* describe(AppStep step) noexcept {
  switch (step) {
    case AppStep::none:
      return "start";
    case AppStep::signals:
      return "reset signals";
    case AppStep::limits:
      return "set its resource limits";
    case AppStep::cgroup:
      return "join its cgroups";
    case AppStep::proc:
      return "mount its /proc";
    case AppStep::root:
      return "change the root";
    case AppStep::descriptors:
      return "take its standard streams";
    case AppStep::session:
      return "make a session";
    case AppStep::oom_score:
      return "set its OOM score";
    case AppStep::label:
      return "take its security context or profile";
    case AppStep::directory:
      return "change to the working directory";
    case AppStep::group:
      return "set its groups";
    case AppStep::user:
      return "set its user";
    case AppStep::capabilities:
      return "drop capabilities";
    case AppStep::seccomp:
      return "install the seccomp filter";
    case AppStep::process:
      return "start a process in the pod";
    case AppStep::search:
      return "find the program";
    case AppStep::exec:
      return "execute";
  }
  return "start";
}

[[noreturn]] void app_child(const AppChildPlan& p) noexcept {
  const bool outside = p.pid_namespace >= 0 && !p.own_processes;
  if (p.gate[0] >= 0) ::close(p.gate[1]);
  reset_signals(p);
  take_limits(p);
  leave_host(p);
  find_cgroup_namespace(p);
  find_pid_namespace(p);
  become_first(p);
  copy_mounts(p);
  join_cgroups(p);
  take_root(p);
  take_descriptors(p);
  if (!outside) make_session(p);
  write_own(p, "self/oom_score_adj", p.oom_score, AppStep::oom_score);
  write_own(p, p.label_file, p.label, AppStep::label);
  take_directory(p);
  find_program(p);
  ::umask(0022);
  close_descriptors(p);
  take_ids(p);
  CapabilitySets sets(p);  // looked at before the filter, which may refuse that
  pass_gate(p);
  if (!outside) write_listen_pid(p);
  take_filter(p);
  if (outside) go_inside(p, sets);
  ::execve(p.argv[0], p.argv, p.envp);
  die(p, AppStep::exec);
}

}  // namespace rkt::native
