// SPDX-License-Identifier: Apache-2.0
// Runs after clone, before exec: system calls only.
#include "sys/spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rkt {
namespace {

[[noreturn]] void die(int fd, SpawnStep step) noexcept {
  const SpawnFault f{step, errno};
  (void)!::write(fd, &f, sizeof f);
  ::_exit(127);
}

// The kernel's own layout: glibc's sigaction() refuses the two signals it keeps for itself, which must be reset as
// well.
struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

void reset_signals(int fault_fd) noexcept {
  for (int s = 1; s <= 64; ++s) {
    if (s == SIGKILL || s == SIGSTOP) continue;
    const KernelSigaction dfl{SIG_DFL, 0, nullptr, 0};
    if (::syscall(SYS_rt_sigaction, s, &dfl, nullptr, sizeof dfl.mask) < 0) die(fault_fd, SpawnStep::signals);
  }
  const unsigned long none = 0;
  if (::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none) < 0) die(fault_fd, SpawnStep::signals);
}

}  // namespace

[[noreturn]] void spawn_child(const SpawnPlan& p) noexcept {
  reset_signals(p.fault_fd);
  if (p.cwd_fd >= 0 && ::fchdir(p.cwd_fd) < 0) die(p.fault_fd, SpawnStep::directory);
  for (int i = 0; i < p.fd_count; ++i) {
    if (p.fds[i] < 0) continue;
    if (::dup3(p.fds[i], i, 0) < 0) die(p.fault_fd, SpawnStep::descriptors);
  }
  const unsigned first = p.fd_count > 3 ? static_cast<unsigned>(p.fd_count) : 3U;
  if (::syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) < 0) die(p.fault_fd, SpawnStep::descriptors);
  if (p.new_session && ::setsid() < 0) die(p.fault_fd, SpawnStep::session);
  if (p.die_with_parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) die(p.fault_fd, SpawnStep::session);
    if (::getppid() != p.parent_pid) ::_exit(127);  // the parent died before the line above
  }
  if (p.exe != nullptr)
    ::execve(p.exe, p.argv, p.envp);
  else
    ::syscall(SYS_execveat, p.exe_fd, "", p.argv, p.envp, AT_EMPTY_PATH);
  die(p.fault_fd, SpawnStep::exec);
}

}  // namespace rkt
