// SPDX-License-Identifier: Apache-2.0
#include "sys/spawn.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "base/error.h"
#include "sys/file.h"

namespace rkt {
namespace {

TEST(Spawn, PassesOnlyTheNamedDescriptors) {
  const UniqueFd stray(dup_fd(STDERR_FILENO));
  const UniqueFd given = memory_file("given", "hello");
  // No pipeline, of which the shell may hold an end at that moment, and no last command, which it may become.
  const std::string out = run_for_output(
      {.exe = "/bin/sh", .argv = {"sh", "-c", "cat <&3; ls /proc/$$/fd; :"}, .env = {}, .fds = {given.get()}});
  EXPECT_EQ(out, "hello0\n1\n2\n3\n");
}

TEST(Spawn, AMissingProgramIsNamed) {
  try {
    Child::spawn({.exe = "/nonexistent/program", .argv = {"program"}});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.brief(), "execute \"/nonexistent/program\": no such file or directory");
  }
}

TEST(Spawn, TheEnvironmentIsExactlyWhatWasGiven) {
  EXPECT_EQ(run_for_output({.exe = "/usr/bin/env", .argv = {"env"}, .env = {"A=1"}}), "A=1\n");
}

TEST(Spawn, ADroppedChildIsKilledAndReaped) {
  pid_t pid = 0;
  {
    const Child c = Child::spawn({.exe = "/bin/sleep", .argv = {"sleep", "1000"}});
    pid = c.pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(Spawn, ASignalDeathIs128PlusN) {
  Child c = Child::spawn({.exe = "/bin/sleep", .argv = {"sleep", "1000"}});
  c.kill(SIGTERM);
  const ExitStatus s = c.wait();
  EXPECT_EQ(s.signal, SIGTERM);
  EXPECT_EQ(s.shell(), 143);
}

TEST(Spawn, IgnoredAndBlockedSignalsAreResetInTheChild) {
  ::signal(SIGPIPE, SIG_IGN);
  const std::string out = run_for_output(
      {.exe = "/bin/sh", .argv = {"sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status | cut -f2 | tr -d '\\n'"}});
  ::signal(SIGPIPE, SIG_DFL);
  EXPECT_EQ(out, std::string(32, '0'));
}

}  // namespace
}  // namespace rkt
