// SPDX-License-Identifier: Apache-2.0
// The last step into the sandbox: capabilities, limits, system calls. An allowlist, since this process keeps being root
// to the file system: whatever a taken-over parser asks for that unpacking does not need is not there (ENOSYS, which
// also makes the C library fall back from calls that it only prefers).
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <initializer_list>
#include <memory>

#include "base/error.h"
#include "base/strings.h"
#include "sys/confine.h"
#include "worker/unpack/sandbox.h"

namespace rkt::unpack {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool kSanitized = true;  // the shadow takes terabytes, and the checks probe memory by writing it to a pipe
#else
constexpr bool kSanitized = false;
#endif
constexpr rlim_t kAddressSpace = kSanitized ? RLIM_INFINITY : rlim_t{1} << 30;

constexpr std::uint64_t mask_of(std::initializer_list<int> capabilities) {
  std::uint64_t mask = 0;
  for (const int cap : capabilities) mask |= std::uint64_t{1} << cap;
  return mask;
}
constexpr std::uint64_t kWritesTrees =
    mask_of({CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD, CAP_SETFCAP});
constexpr std::uint64_t kReadsTrees = mask_of({CAP_DAC_READ_SEARCH});

void keep_capabilities(std::uint64_t kept) {
  for (int cap = 0; cap < 64; ++cap)
    if ((kept >> cap & 1) == 0 && ::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
      throw Error::from_errno("bound capabilities");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  data[0].effective = data[0].permitted = static_cast<std::uint32_t>(kept);
  data[1].effective = data[1].permitted = static_cast<std::uint32_t>(kept >> 32);
  if (::syscall(SYS_capset, &header, data) < 0) throw Error::from_errno("drop capabilities");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) throw Error::from_errno("forbid new privileges");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) throw Error::from_errno("refuse to be traced");
}

class Filter {
 public:
  Filter() : ctx_(::seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), &::seccomp_release) {
    if (!ctx_) throw Error(Errc::system, "make a system call filter");
    ::seccomp_attr_set(ctx_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    ::seccomp_attr_set(ctx_.get(), SCMP_FLTATR_CTL_OPTIMIZE,
                       2);  // a binary tree: this list is long and every write passes it
  }
  void allow(std::initializer_list<const char*> names) {
    for (const char* name : names) {
      const int number = ::seccomp_syscall_resolve_name(name);
      if (number < 0) continue;  // not on this architecture
      add(number, 0, {});
    }
  }
  // New threads, not new processes.
  void allow_threads() { add(SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)); }
  void load() {
    if (const int r = ::seccomp_load(ctx_.get()); r < 0) throw Error::from_errno("load a system call filter", -r);
  }

 private:
  void add(int number, unsigned count, scmp_arg_cmp arg) {
    if (const int r = ::seccomp_rule_add_array(ctx_.get(), SCMP_ACT_ALLOW, number, count, &arg); r < 0)
      throw Error::from_errno("allow a system call", -r);
  }
  std::unique_ptr<void, decltype(&::seccomp_release)> ctx_;
};

void filter_syscalls(Powers powers) {
  Filter filter;
  filter.allow({"read", "pread64", "write", "lseek", "close", "fstat", "newfstatat", "statx", "fcntl", "fadvise64",
                "memfd_create", "sendmsg", "recvmsg"});
  filter.allow({"mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "futex", "getrandom", "clock_gettime"});
  filter.allow({"set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "gettid", "getpid", "geteuid", "tgkill",
                "exit", "exit_group", "rt_sigprocmask", "rt_sigaction", "rt_sigreturn", "sigaltstack",
                "restart_syscall"});
  filter.allow_threads();
  if (kSanitized) filter.allow({"pipe", "pipe2", "readlink"});
  if (powers != Powers::none)
    filter.allow({"openat", "openat2", "pwrite64", "getdents64", "readlinkat", "fgetxattr", "flistxattr"});
  if (powers == Powers::write_tree)
    filter.allow({"ftruncate", "faccessat", "faccessat2", "mkdirat", "mknodat", "symlinkat", "linkat", "unlinkat",
                  "fchown", "fchownat", "fchmod", "fchmodat", "utimensat", "fsetxattr", "fremovexattr", "fstatfs"});
  filter.load();
}

}  // namespace

void drop_privileges(Powers powers) {
  limit_resource(RLIMIT_CORE, 0);
  limit_resource(RLIMIT_AS, kAddressSpace);
  if (powers != Powers::none && ::geteuid() == 0)
    keep_capabilities(powers == Powers::write_tree ? kWritesTrees : kReadsTrees);
  else
    become_unprivileged();
  filter_syscalls(powers);
}

}  // namespace rkt::unpack
