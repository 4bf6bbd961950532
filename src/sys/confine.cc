// SPDX-License-Identifier: Apache-2.0
#include "sys/confine.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/strings.h"
#include "sys/rootless.h"

namespace rkt {
namespace {

struct Account {
  uid_t uid;
  gid_t gid;
};

Account unprivileged_account() {
  for (const char* name : {"rkt-fetch", "nobody"})
    if (const passwd* p = ::getpwnam(name); p != nullptr && p->pw_uid != 0) return {p->pw_uid, p->pw_gid};
  return {65534, 65534};
}

void drop_all_capabilities() {
  for (int cap = 0; cap <= 63; ++cap)
    if (::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno == EINVAL) break;
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

void clear_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capset, &header, data) < 0) throw Error::from_errno("drop capabilities");
}

}  // namespace

void leave_namespaces(bool network) {
  if (::unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | (network ? 0 : CLONE_NEWNET)) < 0)
    throw Error::from_errno("leave the host's namespaces");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) throw Error::from_errno("make mounts private");
}

void become_unprivileged() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) throw Error::from_errno("forbid new privileges");
  if (::geteuid() == 0) {
    const Account a = unprivileged_account();
    drop_all_capabilities();
    // Root of a user namespace may have no other id: then he stays who he is, without capabilities.
    const bool there = has_user(a.uid) && has_group(a.gid);
    if (there &&
        (::setgroups(0, nullptr) < 0 || ::setresgid(a.gid, a.gid, a.gid) < 0 || ::setresuid(a.uid, a.uid, a.uid) < 0))
      throw Error::from_errno("change to an unprivileged account");
  }
  clear_capabilities();
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) throw Error::from_errno("refuse to be traced");
  limit_resource(RLIMIT_CORE, 0);
}

void limit_resource(__rlimit_resource_t resource, rlim_t value) {
  rlimit now{};
  if (::getrlimit(resource, &now) < 0) throw Error::from_errno("read a resource limit");
  const rlimit wanted{std::min(now.rlim_cur, value), std::min(now.rlim_max, value)};
  if (::setrlimit(resource, &wanted) < 0) throw Error::from_errno("set a resource limit");
}

void deny_syscalls(std::span<const std::string_view> names) {
  const std::unique_ptr<void, decltype(&::seccomp_release)> filter(::seccomp_init(SCMP_ACT_ALLOW), &::seccomp_release);
  if (!filter) throw Error(Errc::system, "make a system call filter");
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  for (const auto name : names) {
    const int number = ::seccomp_syscall_resolve_name(std::string(name).c_str());
    if (number == __NR_SCMP_ERROR || number < 0) continue;
    if (const int r = ::seccomp_rule_add(filter.get(), SCMP_ACT_KILL_PROCESS, number, 0); r < 0)
      throw Error::from_errno(cat("deny system call ", name), -r);
  }
  // glibc starts threads with clone3, whose arguments no filter can see: without it, it uses clone, and that may not
  // make namespaces.
  seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  constexpr std::uint64_t kNamespaces =
      CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  for (std::uint64_t bit = 1; bit <= kNamespaces; bit <<= 1)
    if ((kNamespaces & bit) != 0)
      seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
  if (const int r = ::seccomp_load(filter.get()); r < 0) throw Error::from_errno("load a system call filter", -r);
}

std::span<const std::string_view> dangerous_syscalls() {
  static constexpr std::string_view kNames[] = {
      "acct",
      "add_key",
      "bpf",
      "chroot",
      "create_module",
      "delete_module",
      "execve",
      "execveat",
      "fanotify_init",
      "finit_module",
      "fsmount",
      "fsopen",
      "fspick",
      "init_module",
      "io_uring_enter",
      "io_uring_register",
      "io_uring_setup",
      "ioperm",
      "iopl",
      "kcmp",
      "kexec_file_load",
      "kexec_load",
      "keyctl",
      "lookup_dcookie",
      "mount",
      "mount_setattr",
      "move_mount",
      "name_to_handle_at",
      "nfsservctl",
      "open_by_handle_at",
      "open_tree",
      "perf_event_open",
      "personality",
      "pivot_root",
      "process_vm_readv",
      "process_vm_writev",
      "ptrace",
      "quotactl",
      "reboot",
      "request_key",
      "setns",
      "swapoff",
      "swapon",
      "sysfs",
      "syslog",
      "umount2",
      "unshare",
      "userfaultfd",
      "uselib",
      "vhangup",
      "pidfd_getfd",
      "pidfd_open",
      "setuid",
      "setresuid",
      "setreuid",
  };
  return kNames;
}

std::span<const std::string_view> network_syscalls() {
  static constexpr std::string_view kNames[] = {"socket", "socketpair", "connect", "bind",
                                                "listen", "accept",     "accept4"};
  return kNames;
}

}  // namespace rkt
