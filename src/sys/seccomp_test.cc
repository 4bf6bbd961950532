// SPDX-License-Identifier: Apache-2.0
#include "sys/seccomp.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sys/bpf_for_test.h"

namespace rkt {
namespace {

std::uint32_t run(const std::vector<sock_filter>& program, std::uint32_t arch, std::uint32_t nr, std::uint64_t arg0 = 0,
                  std::uint64_t arg2 = 0) {
  seccomp_data data{};
  data.arch = arch;
  data.nr = static_cast<int>(nr);
  data.args[0] = arg0;
  data.args[2] = arg2;
  return run_bpf(program, data);
}

#if defined(__x86_64__)
constexpr std::uint32_t kNative = AUDIT_ARCH_X86_64, kForeign = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kNative = AUDIT_ARCH_AARCH64, kForeign = AUDIT_ARCH_X86_64;
#endif

TEST(Seccomp, AllowsWhatIsListedAndKillsForOtherOldCalls) {
  const auto p = make_seccomp_program({.names = {"read", "write", "exit_group"}});
  EXPECT_EQ(run(p, kNative, SYS_read), SECCOMP_RET_ALLOW);
  EXPECT_EQ(run(p, kNative, SYS_exit_group), SECCOMP_RET_ALLOW);
  EXPECT_EQ(run(p, kNative, SYS_mount), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(run(p, kNative, SYS_close), SECCOMP_RET_KILL_PROCESS);
}

TEST(Seccomp, APermitOpensItsCallsToWhoKnowsIt) {
  constexpr std::uint64_t kPermit = 0x1234'5678'9abc'def0;
  const auto p = with_permit(make_seccomp_program({.names = {"read"}, .err = EPERM}), kPermit);
  for (const std::uint32_t call : {SYS_capset, SYS_clone, SYS_setsid, SYS_getpid, SYS_ioctl}) {
    EXPECT_EQ(run(p, kNative, call, 0, kPermit), SECCOMP_RET_ALLOW);
    for (const std::uint64_t wrong : {kPermit + 1, kPermit ^ (std::uint64_t{1} << 32), std::uint64_t{0}})
      EXPECT_EQ(run(p, kNative, call, 0, wrong), SECCOMP_RET_ERRNO | EPERM);
    EXPECT_EQ(run(p, kForeign, call, 0, kPermit), SECCOMP_RET_KILL_PROCESS);
  }
  EXPECT_EQ(run(p, kNative, SYS_mount, 0, kPermit), SECCOMP_RET_ERRNO | EPERM);
  EXPECT_EQ(run(p, kNative, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
}

TEST(Seccomp, RefusedCallsReturnTheErrnoThatWasAskedFor) {
  const auto p = make_seccomp_program({.names = {"read"}, .err = EPERM});
  EXPECT_EQ(run(p, kNative, SYS_mount), SECCOMP_RET_ERRNO | EPERM);
}

TEST(Seccomp, CallsYoungerThanTheListsDoNotExistUnlessListed) {
  const auto p = make_seccomp_program({.names = {"read", "openat2"}, .err = EPERM});
  EXPECT_EQ(run(p, kNative, SYS_io_uring_setup), SECCOMP_RET_ERRNO | ENOSYS);
  EXPECT_EQ(run(p, kNative, 100000), SECCOMP_RET_ERRNO | ENOSYS);
  EXPECT_EQ(run(p, kNative, SYS_openat2), SECCOMP_RET_ALLOW);
}

TEST(Seccomp, ARefuseListLetsEverythingElsePass) {
  const auto p = make_seccomp_program({.mode = SeccompRules::Mode::refuse, .names = {"mount", "no_such_call"}});
  EXPECT_EQ(run(p, kNative, SYS_mount), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(run(p, kNative, SYS_read), SECCOMP_RET_ALLOW);
  EXPECT_EQ(run(p, kNative, SYS_clone3), SECCOMP_RET_ALLOW);
}

TEST(Seccomp, OtherArchitecturesAreKilled) {
  for (const auto mode : {SeccompRules::Mode::allow_only, SeccompRules::Mode::refuse})
    EXPECT_EQ(run(make_seccomp_program({.mode = mode, .names = {"read"}}), kForeign, SYS_read),
              SECCOMP_RET_KILL_PROCESS);
}

TEST(Seccomp, NewNamespacesAreRefusedWhereCloneIsAllowed) {
  const auto p = make_seccomp_program({.names = {"clone", "clone3"}, .refuse_new_namespaces = true});
  EXPECT_EQ(run(p, kNative, SYS_clone, SIGCHLD), SECCOMP_RET_ALLOW);
  EXPECT_EQ(run(p, kNative, SYS_clone, CLONE_NEWUSER | SIGCHLD), SECCOMP_RET_ERRNO | EPERM);
  EXPECT_EQ(run(p, kNative, SYS_clone, CLONE_NEWNS), SECCOMP_RET_ERRNO | EPERM);
  EXPECT_EQ(run(p, kNative, SYS_clone3), SECCOMP_RET_ERRNO | ENOSYS);
}

TEST(Seccomp, ARefusedCloneIsNotAllowedByALookAtItsFlags) {
  const auto p = make_seccomp_program(
      {.mode = SeccompRules::Mode::refuse, .names = {"clone", "clone3"}, .err = EACCES, .refuse_new_namespaces = true});
  EXPECT_EQ(run(p, kNative, SYS_clone, SIGCHLD), SECCOMP_RET_ERRNO | EACCES);
  EXPECT_EQ(run(p, kNative, SYS_clone3), SECCOMP_RET_ERRNO | EACCES);
}

TEST(Seccomp, CloneStaysRefusedWhereItIsNotListed) {
  const auto p = make_seccomp_program({.names = {"read"}, .refuse_new_namespaces = true});
  EXPECT_EQ(run(p, kNative, SYS_clone, SIGCHLD), SECCOMP_RET_KILL_PROCESS);
}

TEST(Seccomp, SocketsToTheHypervisorAreRefusedWhereOthersAreAllowed) {
  const auto p = make_seccomp_program({.names = {"socket"}, .refuse_vsock = true});
  EXPECT_EQ(run(p, kNative, SYS_socket, AF_UNIX), SECCOMP_RET_ALLOW);
  EXPECT_EQ(run(p, kNative, SYS_socket, AF_VSOCK), SECCOMP_RET_ERRNO | EAFNOSUPPORT);
  EXPECT_EQ(run(p, kNative, SYS_socketpair, AF_UNIX), SECCOMP_RET_KILL_PROCESS);
  const auto most = make_seccomp_program({.mode = SeccompRules::Mode::refuse, .names = {}, .refuse_vsock = true});
  EXPECT_EQ(run(most, kNative, SYS_socketpair, AF_VSOCK), SECCOMP_RET_ERRNO | EAFNOSUPPORT);
}

#if defined(__x86_64__)
TEST(Seccomp, ThirtyTwoBitCallsHaveTheirOwnNumbers) {
  const auto p = make_seccomp_program({.names = {"read", "socketcall"}});
  EXPECT_EQ(run(p, AUDIT_ARCH_I386, 3), SECCOMP_RET_ALLOW);             // read
  EXPECT_EQ(run(p, AUDIT_ARCH_I386, 102), SECCOMP_RET_ALLOW);           // socketcall
  EXPECT_EQ(run(p, AUDIT_ARCH_I386, 0), SECCOMP_RET_KILL_PROCESS);      // restart_syscall; read on x86-64
  EXPECT_EQ(run(p, AUDIT_ARCH_I386, 425), SECCOMP_RET_ERRNO | ENOSYS);  // io_uring_setup
}

// Each has a number of its own (the last column) and one within socketcall or ipc, which libseccomp knows it by.
struct Thirty {
  const char* name;
  std::uint32_t multiplexer, part, number;  // 0: none of its own
};
constexpr std::uint32_t kI386Socketcall = 102, kI386Ipc = 117;
constexpr Thirty kThirty[] = {
    {"socket", kI386Socketcall, 1, 359},
    {"accept", kI386Socketcall, 5, 0},
    {"send", kI386Socketcall, 9, 0},
    {"sendto", kI386Socketcall, 11, 369},
    {"getsockopt", kI386Socketcall, 15, 365},
    {"accept4", kI386Socketcall, 18, 364},
    {"recvmmsg", kI386Socketcall, 19, 337},
    {"sendmmsg", kI386Socketcall, 20, 345},
    {"semop", kI386Ipc, 1, 0},
    {"semget", kI386Ipc, 2, 393},
    {"msgctl", kI386Ipc, 14, 402},
    {"shmat", kI386Ipc, 21, 397},
    {"shmget", kI386Ipc, 23, 395},
};

TEST(Seccomp, ThirtyTwoBitCallsOfSocketcallAndIpcAreRefusedByName) {
  for (const auto& call : kThirty) {
    const auto p = make_seccomp_program({.mode = SeccompRules::Mode::refuse, .names = {call.name}, .err = EPERM});
    EXPECT_EQ(run(p, AUDIT_ARCH_I386, call.multiplexer, call.part), SECCOMP_RET_ERRNO | EPERM) << call.name;
    EXPECT_EQ(run(p, AUDIT_ARCH_I386, call.multiplexer, call.part + 1), SECCOMP_RET_ALLOW) << call.name;
    if (call.number != 0) {
      EXPECT_EQ(run(p, AUDIT_ARCH_I386, call.number), SECCOMP_RET_ERRNO | EPERM) << call.name;
    }
    if (call.multiplexer == kI386Ipc) {
      EXPECT_EQ(run(p, AUDIT_ARCH_I386, kI386Ipc, 0x10000 | call.part), SECCOMP_RET_ERRNO | EPERM) << "version 1";
    }
  }
}

TEST(Seccomp, ThirtyTwoBitCallsOfSocketcallAndIpcAreAllowedByName) {
  for (const auto& call : kThirty) {
    const auto p = make_seccomp_program({.names = {call.name}});
    EXPECT_EQ(run(p, AUDIT_ARCH_I386, call.multiplexer, call.part), SECCOMP_RET_ALLOW) << call.name;
    EXPECT_EQ(run(p, AUDIT_ARCH_I386, call.multiplexer, call.part + 1), SECCOMP_RET_KILL_PROCESS) << call.name;
    if (call.number != 0) {
      EXPECT_EQ(run(p, AUDIT_ARCH_I386, call.number), SECCOMP_RET_ALLOW) << call.name;
    }
  }
  const auto whole = make_seccomp_program({.names = {"ipc", "shmget"}});
  EXPECT_EQ(run(whole, AUDIT_ARCH_I386, kI386Ipc, 1), SECCOMP_RET_ALLOW);
  EXPECT_EQ(run(whole, AUDIT_ARCH_I386, kI386Ipc, 23), SECCOMP_RET_ALLOW);
}

TEST(Seccomp, NoThirtyTwoBitWayLeadsToTheHypervisor) {
  for (const auto mode : {SeccompRules::Mode::allow_only, SeccompRules::Mode::refuse}) {
    std::vector<std::string> names;
    if (mode == SeccompRules::Mode::allow_only) names = {"socket", "socketpair", "connect", "socketcall"};
    const auto p = make_seccomp_program({.mode = mode, .names = names, .refuse_vsock = true});
    for (const std::uint32_t number : {359, 360}) {
      EXPECT_EQ(run(p, AUDIT_ARCH_I386, number, AF_VSOCK), SECCOMP_RET_ERRNO | EAFNOSUPPORT);
      EXPECT_EQ(run(p, AUDIT_ARCH_I386, number, AF_INET), SECCOMP_RET_ALLOW);
    }
    for (const std::uint32_t part : {1, 8})
      EXPECT_EQ(run(p, AUDIT_ARCH_I386, kI386Socketcall, part), SECCOMP_RET_ERRNO | ENOSYS);
    EXPECT_EQ(run(p, AUDIT_ARCH_I386, kI386Socketcall, 3), SECCOMP_RET_ALLOW) << "connect";
    const auto old =
        make_seccomp_program({.mode = mode, .names = names, .refuse_vsock = true, .hidden_families = true});
    EXPECT_EQ(run(old, AUDIT_ARCH_I386, kI386Socketcall, 1), SECCOMP_RET_ALLOW);
    EXPECT_EQ(run(old, AUDIT_ARCH_I386, 359, AF_VSOCK), SECCOMP_RET_ERRNO | EAFNOSUPPORT);
    EXPECT_EQ(run(old, kNative, SYS_socket, AF_VSOCK), SECCOMP_RET_ERRNO | EAFNOSUPPORT);
  }
  const auto none = make_seccomp_program(
      {.mode = SeccompRules::Mode::refuse, .names = {"socket", "socketcall"}, .err = EPERM, .refuse_vsock = true});
  EXPECT_EQ(run(none, AUDIT_ARCH_I386, kI386Socketcall, 1), SECCOMP_RET_ERRNO | EPERM);
  EXPECT_EQ(run(none, AUDIT_ARCH_I386, 359, AF_INET), SECCOMP_RET_ERRNO | EPERM) << "not allowed by the look";
}

TEST(Seccomp, X32CallsCannotPassByEitherKindOfList) {
  for (const auto mode : {SeccompRules::Mode::allow_only, SeccompRules::Mode::refuse}) {
    const auto p = make_seccomp_program({.mode = mode, .names = {"read", "mount", "ptrace"}});
    EXPECT_EQ(run(p, kNative, 0x40000000U | SYS_mount), SECCOMP_RET_ERRNO | ENOSYS);
    for (const std::uint32_t own : {512, 521, 547})  // ptrace and others, which kernels before 5.4 take without the bit
      EXPECT_EQ(run(p, kNative, own), SECCOMP_RET_ERRNO | ENOSYS);
  }
}
#endif

TEST(Seccomp, NamesOfErrorsAreKnown) {
  EXPECT_EQ(parse_errno("EPERM"), EPERM);
  EXPECT_EQ(parse_errno("ENOSYS"), ENOSYS);
  EXPECT_FALSE(parse_errno("ENOTHING"));
}

}  // namespace
}  // namespace rkt
