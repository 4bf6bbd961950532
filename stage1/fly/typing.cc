// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/typing.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "base/error.h"

namespace rkt::fly {
namespace {

constexpr std::uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS, kEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr std::uint32_t kIoctl32 = 54;  // of i386 and arm
#if defined(__x86_64__)
// x32 has a number of its own, and a bit beside the number, which kernels before 5.4 do not ask for.
constexpr std::uint32_t kNative = AUDIT_ARCH_X86_64, kX32Ioctl = 514, kX32 = 0x40000000;
#elif defined(__aarch64__)
constexpr std::uint32_t kNative = AUDIT_ARCH_AARCH64, kX32Ioctl = SYS_ioctl, kX32 = 0;
#else
#error "which numbers has ioctl here?"
#endif

sock_filter statement(int code, std::uint32_t k) {
  return {.code = static_cast<std::uint16_t>(code), .jt = 0, .jf = 0, .k = k};
}
sock_filter equal(std::uint32_t k, std::uint8_t yes, std::uint8_t no) {
  return {.code = kEqual, .jt = yes, .jf = no, .k = k};
}

}  // namespace

std::vector<sock_filter> make_typing_filter() {
  return {
      // The request is 32 bits wide, and on little-endian machines these come first: the kernel looks at no others.
      statement(kLoad, offsetof(seccomp_data, args) + sizeof(std::uint64_t)),
      equal(TIOCSTI, 1, 0),
      equal(TIOCLINUX, 0, 9),
      statement(kLoad, offsetof(seccomp_data, arch)),
      equal(kNative, 2, 0),
      statement(kLoad, offsetof(seccomp_data, nr)),
      equal(kIoctl32, 4, 5),
      statement(kLoad, offsetof(seccomp_data, nr)),
      statement(BPF_ALU | BPF_AND | BPF_K, ~kX32),
      equal(SYS_ioctl, 1, 0),
      equal(kX32Ioctl, 0, 1),
      statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
}

void forbid_typing() {
  auto filter = make_typing_filter();
  const sock_fprog program{.len = static_cast<unsigned short>(filter.size()), .filter = filter.data()};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
    throw Error::from_errno("keep the app from typing on the terminal");
}

}  // namespace rkt::fly
