// SPDX-License-Identifier: Apache-2.0
// Seccomp programs from lists of system call names: pure, no system call is made here. libseccomp gives the numbers of
// names; the program is our own, a binary search over ranges of numbers with equal answers, which is a third of
// libseccomp's and cheap enough for the kernel to take at every start of an app.
//
//   this machine's calls    (architecture as compiled)      its list of ranges
//   32-bit calls            (i386, arm) of the same kernel  their own list, by the same names; what i386 also has
//                                                           within socketcall and ipc is meant there, too
//   other architectures     the process is killed
//
// Calls that are younger than the lists people write (2018) and that are not allowed answer ENOSYS, whatever the list
// says: libc tries them first and falls back, and killing or EPERM would end every modern program.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rkt {

struct SeccompRules {
  enum class Mode { allow_only, refuse } mode = Mode::allow_only;
  std::vector<std::string> names;  ///< unknown ones have no number and are skipped
  int err = 0;                     ///< what refused calls return; 0: they kill the process (SIGSYS)
  bool refuse_new_namespaces =
      false;  ///< clone with CLONE_NEW… returns EPERM; clone3, whose flags cannot be seen, ENOSYS
  /// socket and socketpair of AF_VSOCK, which knows no network namespaces, return EAFNOSUPPORT. Those of i386's
  /// socketcall, whose family nobody sees, return ENOSYS, unless `hidden_families`: programs of glibc and Go for i386
  /// have no other sockets.
  bool refuse_vsock = false, hidden_families = false;
};

std::vector<sock_filter> make_seccomp_program(const SeccompRules& rules);

/// The program, with a permit for what a process does between taking it and exec: capset, clone, setsid, getpid and
/// ioctl pass when their third argument, which such a caller does not use, is `permit`, a random number that nobody
/// else knows.
std::vector<sock_filter> with_permit(const std::vector<sock_filter>& program, std::uint64_t permit);

/// "EPERM" -> 1.
std::optional<int> parse_errno(std::string_view name);

}  // namespace rkt
