// SPDX-License-Identifier: Apache-2.0
#include "sys/ns.h"

#include <linux/keyctl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "base/error.h"

namespace rkt {

NewProcess clone_process(std::uint64_t flags, int cgroup) {
  int pidfd = -1;
  clone_args args{};
  args.flags = flags | CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0);
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  args.cgroup = cgroup >= 0 ? static_cast<std::uint64_t>(cgroup) : 0;
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) throw Error::from_errno("start a process in new namespaces");
  return {.pid = static_cast<pid_t>(pid), .pidfd = UniqueFd(pid == 0 ? -1 : pidfd)};
}

void run_apart(int (*body)(void*), void* argument) {
  constexpr std::size_t kStack = std::size_t{16} << 10;
  const auto stack = std::make_unique_for_overwrite<char[]>(kStack);
  const int pid = ::clone(body, stack.get() + kStack, CLONE_VM | CLONE_VFORK | CLONE_FILES, argument);
  if (pid < 0) throw Error::from_errno("start a process with a root of its own");
  int status = 0;
  while (::waitpid(pid, &status, __WALL) < 0)
    if (errno != EINTR) throw Error::from_errno("wait for a process with a root of its own");
  if (!WIFEXITED(status)) throw Error(Errc::system, "a process with a root of its own was killed");
}

std::optional<UniqueFd> open_pidfd(pid_t pid) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (fd) return fd;
  if (errno == ESRCH || errno == EINVAL) return std::nullopt;
  throw Error::from_errno("open a process");
}

bool has_ended(int pidfd) {
  pollfd p{pidfd, POLLIN, 0};
  return ::poll(&p, 1, 0) == 1;
}

void join_namespaces(int fd, int kinds) {
  if (::setns(fd, kinds) < 0) throw Error::from_errno("join namespaces");
}

void make_cgroup_namespace() {
  if (::unshare(CLONE_NEWCGROUP) < 0) throw Error::from_errno("make a cgroup namespace");
}

void set_hostname(const char* name) {
  if (::sethostname(name, std::strlen(name)) < 0) throw Error::from_errno("set the host name");
}

void become_unreadable() {
  if (::prctl(PR_SET_DUMPABLE, 0) < 0) throw Error::from_errno("become unreadable for others");
}

void leave_session_keyring() {
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS)
    throw Error::from_errno("make a session keyring");
}

void die_with_parent(int parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) throw Error::from_errno("set the parent death signal");
  if (has_ended(parent)) ::_exit(1);
}

}  // namespace rkt
