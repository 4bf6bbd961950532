// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/syscall_sets.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace rkt::native {
namespace {

// Names are blank separated.

constexpr std::string_view kWhitelist =
    "_llseek _newselect accept accept4 access alarm arch_prctl bind brk capget capset chdir chmod chown "
    "chown32 chroot clock_getres clock_gettime clock_nanosleep clone close connect copy_file_range creat dup "
    "dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_wait epoll_wait_old "
    "eventfd eventfd2 execve execveat exit exit_group faccessat fadvise64 fadvise64_64 fallocate "
    "fanotify_mark fchdir fchmod fchmodat fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr "
    "flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate "
    "ftruncate64 futex futimesat get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid "
    "getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp "
    "getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getrusage "
    "getsid getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr inotify_add_watch "
    "inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_setup io_submit ioctl "
    "ioprio_get ioprio_set ipc kill lchown lchown32 lgetxattr link linkat listen listxattr llistxattr "
    "lremovexattr lseek lsetxattr lstat lstat64 madvise memfd_create mincore mkdir mkdirat mknod mknodat "
    "mlock mlock2 mlockall mmap mmap2 modify_ldt mprotect mq_getsetattr mq_notify mq_open mq_timedreceive "
    "mq_timedsend mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock munlockall munmap nanosleep "
    "newfstatat open openat pause personality pipe pipe2 poll ppoll prctl pread64 preadv prlimit64 pselect6 "
    "pwrite64 pwritev read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmsg "
    "remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir rt_sigaction rt_sigpending "
    "rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo "
    "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam "
    "sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam "
    "sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop send sendfile sendfile64 "
    "sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid "
    "setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 "
    "setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid "
    "setuid32 setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigreturn socket "
    "socketcall socketpair splice stat stat64 statfs statfs64 symlink symlinkat sync sync_file_range syncfs "
    "sysinfo syslog tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_settime "
    "timerfd_create timerfd_gettime timerfd_settime times tkill truncate truncate64 ugetrlimit umask uname "
    "unlink unlinkat utime utimensat utimes vfork vmsplice wait4 waitid waitpid write writev";

constexpr std::string_view kWhitelistArm =
    "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2";

// What programs of today call, and what is as harmless as its older relatives in the list above. Not here: io_uring,
// which seccomp cannot look into; clone3, whose flags it cannot see; the new mount calls.
constexpr std::string_view kModern =
    "cachestat clock_getres_time64 clock_gettime64 clock_nanosleep_time64 close_range epoll_pwait2 faccessat2 "
    "fchmodat2 futex_requeue futex_time64 futex_wait futex_waitv futex_wake io_pgetevents "
    "io_pgetevents_time64 landlock_add_rule landlock_create_ruleset landlock_restrict_self map_shadow_stack "
    "membarrier memfd_secret mq_timedreceive_time64 mq_timedsend_time64 openat2 pidfd_open pidfd_send_signal "
    "pkey_alloc pkey_free pkey_mprotect ppoll_time64 preadv2 process_mrelease pselect6_time64 pwritev2 "
    "recvmmsg_time64 rseq rt_sigtimedwait_time64 sched_rr_get_interval_time64 semtimedop_time64 statx "
    "timer_gettime64 timer_settime64 timerfd_gettime64 timerfd_settime64 utimensat_time64";

constexpr std::string_view kBlacklist =
    "_sysctl acct add_key adjtimex bpf clock_adjtime clock_settime create_module delete_module finit_module "
    "get_kernel_syms get_mempolicy init_module ioperm iopl kcmp kexec_file_load kexec_load keyctl "
    "lookup_dcookie mbind mount move_pages name_to_handle_at nfsservctl open_by_handle_at perf_event_open "
    "pivot_root process_vm_readv process_vm_writev ptrace query_module quotactl reboot request_key "
    "set_mempolicy setns settimeofday stime swapoff swapon sysfs umount umount2 unshare uselib userfaultfd "
    "ustat vm86 vm86old "
    // Younger ways to the same.
    "clock_adjtime64 clock_settime64 fsconfig fsmount fsopen fspick mount_setattr move_mount open_tree "
    "pidfd_getfd quotactl_fd set_mempolicy_home_node";

struct Group {
  std::string_view name, members;
};
// As of systemd 231 to 233, with younger ways to the same where refusing the group would mean nothing without them.
constexpr Group kGroups[] = {
    {"@systemd/basic-io", "close dup dup2 dup3 lseek pread64 preadv pwrite64 pwritev read readv write writev"},
    {"@systemd/clock", "adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday stime"},
    {"@systemd/default-whitelist",
     "clock_getres clock_gettime clock_nanosleep execve exit exit_group getrlimit gettimeofday nanosleep pause "
     "rt_sigreturn sigreturn time"},
    {"@systemd/io-event",
     "_newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_wait epoll_wait_old "
     "eventfd eventfd2 poll ppoll pselect6 select"},
    {"@systemd/mount",
     "chroot fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree pivot_root umount umount2"},
    {"@systemd/network-io",
     "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg "
     "recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socket socketcall socketpair"},
    {"@systemd/obsolete",
     "_sysctl afs_syscall break create_module ftime get_kernel_syms getpmsg gtty lock mpx prof profil putpmsg "
     "query_module security sgetmask ssetmask stty sysfs tuxcall ulimit uselib ustat vserver"},
    {"@systemd/privileged",
     "_sysctl acct adjtimex bdflush bpf capset chown chown32 chroot clock_adjtime clock_settime delete_module "
     "fchown fchown32 fchownat finit_module init_module ioperm iopl kexec_file_load kexec_load lchown lchown32 "
     "nfsservctl pciconfig_iobase pciconfig_read pciconfig_write pivot_root quotactl reboot s390_pci_mmio_read "
     "s390_pci_mmio_write setdomainname setfsuid setfsuid32 setgroups setgroups32 sethostname setresuid "
     "setresuid32 setreuid setreuid32 settimeofday setuid setuid32 stime swapoff swapon vhangup"},
    {"@systemd/process", "arch_prctl clone execveat fork kill prctl setns tgkill tkill unshare vfork"},
    {"@systemd/raw-io",
     "ioperm iopl pciconfig_iobase pciconfig_read pciconfig_write s390_pci_mmio_read s390_pci_mmio_write"},
};

constexpr std::array<std::string_view, 11> kEssential = {"execve",       "execveat",        "exit",      "exit_group",
                                                         "rt_sigreturn", "sigreturn",       "getrlimit", "ugetrlimit",
                                                         "prlimit64",    "restart_syscall", "rseq"};

void append(std::vector<std::string>& out, std::string_view names) {
  for (const auto name : split(names, ' '))
    if (!name.empty()) out.emplace_back(name);
}

}  // namespace

std::vector<std::string> default_whitelist() {
  std::vector<std::string> out;
  append(out, kWhitelist);
#if defined(__arm__) || defined(__aarch64__)
  append(out, kWhitelistArm);
#else
  static_cast<void>(kWhitelistArm);
#endif
  append(out, kModern);
  return out;
}

SeccompRules default_seccomp() {
  SeccompRules rules{.names = default_whitelist(), .refuse_new_namespaces = true, .refuse_vsock = true};
  for (const auto name : kEssential) rules.names.emplace_back(name);
  return rules;
}

SeccompRules retained_default() {
  SeccompRules rules{.names = default_whitelist()};
  for (const auto name : kEssential) rules.names.emplace_back(name);
  return rules;
}

std::span<const std::string_view> essential_calls() { return kEssential; }

std::optional<std::vector<std::string>> expand_set(std::string_view wildcard) {
  if (wildcard == "@docker/default-whitelist" || wildcard == "@rkt/default-whitelist") return default_whitelist();
  std::vector<std::string> out;
  if (wildcard == "@docker/default-blacklist" || wildcard == "@rkt/default-blacklist") {
    append(out, kBlacklist);
    return out;
  }
  const auto* group = std::ranges::find(kGroups, wildcard, &Group::name);
  if (group == std::end(kGroups)) return std::nullopt;
  append(out, group->members);
  return out;
}

}  // namespace rkt::native
