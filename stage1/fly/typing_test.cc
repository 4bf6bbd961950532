// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/typing.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/bpf_for_test.h"

namespace rkt::fly {
namespace {

constexpr std::uint32_t kRefused = SECCOMP_RET_ERRNO | EPERM;
#if defined(__x86_64__)
constexpr std::uint32_t kOwnArch = AUDIT_ARCH_X86_64, kOtherArch = AUDIT_ARCH_I386;
#else
constexpr std::uint32_t kOwnArch = AUDIT_ARCH_AARCH64, kOtherArch = AUDIT_ARCH_ARM;
#endif

std::uint32_t answer(std::uint32_t arch, std::uint32_t nr, std::uint64_t request) {
  seccomp_data data{};
  data.arch = arch;
  data.nr = static_cast<int>(nr);
  data.args[1] = request;
  return run_bpf(make_typing_filter(), data);
}

TEST(TypingFilter, RefusesBothRequestsWhateverIsInTheUpperHalf) {
  for (const auto request : {std::uint64_t{TIOCSTI}, std::uint64_t{TIOCLINUX}}) {
    EXPECT_EQ(answer(kOwnArch, SYS_ioctl, request), kRefused);
    EXPECT_EQ(answer(kOwnArch, SYS_ioctl, request | std::uint64_t{1} << 32), kRefused);
    EXPECT_EQ(answer(kOtherArch, 54, request), kRefused);
  }
}

TEST(TypingFilter, AllowsEverythingElse) {
  for (const std::uint64_t request : {std::uint64_t{TIOCGWINSZ}, std::uint64_t{TIOCSTI} << 32, std::uint64_t{0}})
    EXPECT_EQ(answer(kOwnArch, SYS_ioctl, request), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer(kOwnArch, SYS_write, TIOCSTI), SECCOMP_RET_ALLOW);  // a number of bytes, or an address
  EXPECT_EQ(answer(kOwnArch, 54, TIOCSTI), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer(kOtherArch, SYS_ioctl, TIOCSTI), SECCOMP_RET_ALLOW);
}

#if defined(__x86_64__)
TEST(TypingFilter, KnowsTheNumbersOfX32) {
  constexpr std::uint32_t kX32Bit = 0x40000000;
  for (const std::uint32_t nr : {kX32Bit | 514, kX32Bit | SYS_ioctl, std::uint32_t{514}})
    EXPECT_EQ(answer(kOwnArch, nr, TIOCSTI), kRefused);
  EXPECT_EQ(answer(kOwnArch, kX32Bit | SYS_write, TIOCSTI), SECCOMP_RET_ALLOW);
}
#endif

// In a child, which has no_new_privs so that the kernel takes a filter from anybody. What is asked is no terminal.
TEST(ForbidTyping, IsTheKernelsAnswerFromThenOn) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto error_of = [](unsigned long request) { return ::ioctl(STDIN_FILENO, request, "x") < 0 ? errno : 0; };
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0 || ::dup2(ends[0], STDIN_FILENO) < 0) ::_exit(1);
    if (error_of(TIOCSTI) != ENOTTY || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) ::_exit(2);
    try {
      forbid_typing();
    } catch (const Error&) {
      ::_exit(3);
    }
    if (error_of(TIOCSTI) != EPERM || error_of(TIOCLINUX) != EPERM) ::_exit(4);
    ::_exit(error_of(TIOCGWINSZ) == ENOTTY ? 0 : 5);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace rkt::fly
