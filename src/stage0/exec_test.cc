// SPDX-License-Identifier: Apache-2.0
#include "stage0/exec.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::stage0 {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

TEST(PlainEnvironment, OnlyTerminalLanguageAndPathPass) {
  EXPECT_THAT(plain_environment({"HOME=/root", "LC_ALL=C", "PATH=/bin", "PATHS=/x", "TERM=vt100", "LANG=C.UTF-8",
                                 "LD_PRELOAD=/x.so", "RKT_LOCK_FD=9"}),
              ElementsAre("PATH=/bin", "TERM=vt100", "LANG=C.UTF-8", "LC_ALL=C"));
}

TEST(RunEnvironment, TheLockAndEmptySelinuxContextsAreAlwaysSet) {
  EXPECT_THAT(run_environment({}, 1, 7),
              ElementsAre("RKT_LOCK_FD=7", "RKT_SELINUX_CONTEXT=", "RKT_SELINUX_MOUNT_CONTEXT="));
}

TEST(RunEnvironment, ThePodsSelinuxContextsPass) {
  EXPECT_THAT(
      run_environment({}, 1, 7, {.process = "u:r:p:s0:c1,c2", .files = "u:r:f:s0:c1,c2"}),
      ElementsAre("RKT_LOCK_FD=7", "RKT_SELINUX_CONTEXT=u:r:p:s0:c1,c2", "RKT_SELINUX_MOUNT_CONTEXT=u:r:f:s0:c1,c2"));
}

TEST(RunEnvironment, SocketsPassWhenTheyAreMeantForThisProcess) {
  const std::vector<std::string> environment = {"LISTEN_PID=42", "LISTEN_FDS=2", "LISTEN_FDNAMES=a:b",
                                                "NOTIFY_SOCKET=/run/n", "RKT_LOCK_FD=99"};
  EXPECT_THAT(run_environment(environment, 42, 7),
              ElementsAre("NOTIFY_SOCKET=/run/n", "LISTEN_PID=42", "LISTEN_FDS=2", "LISTEN_FDNAMES=a:b",
                          "RKT_LOCK_FD=7", "RKT_SELINUX_CONTEXT=", "RKT_SELINUX_MOUNT_CONTEXT="));
  EXPECT_THAT(run_environment(environment, 43, 7), ElementsAre("NOTIFY_SOCKET=/run/n", "RKT_LOCK_FD=7",
                                                               "RKT_SELINUX_CONTEXT=", "RKT_SELINUX_MOUNT_CONTEXT="));
}

TEST(ListenFds, NonsenseCountsAsNone) {
  EXPECT_EQ(listen_fds({"LISTEN_PID=1", "LISTEN_FDS=3"}, 1), 3);
  EXPECT_EQ(listen_fds({"LISTEN_FDS=3"}, 1), 0);
  EXPECT_EQ(listen_fds({"LISTEN_PID=1", "LISTEN_FDS=-3"}, 1), 0);
  EXPECT_EQ(listen_fds({"LISTEN_PID=1", "LISTEN_FDS=100000"}, 1), 0);
  EXPECT_EQ(listen_fds({"LISTEN_PID=1", "LISTEN_FDS=x"}, 1), 0);
}

class ProgramPath : public testing::Test {
 protected:
  std::string find(const char* entrypoint) const { return program_path(tmp.dir(), entrypoint); }
  TempDir tmp;
};

TEST_F(ProgramPath, LinksStayInsideTheImage) {
  write_file(tmp.dir().make_sub("bin"), "sh", "", 0755);
  ASSERT_EQ(::symlinkat("/bin/sh", tmp.dir().get(), "run"), 0);
  EXPECT_EQ(find("/run"), tmp.path() + "/bin/sh");
  ASSERT_EQ(::symlinkat("../../../../../bin/sh", tmp.dir().get(), "up"), 0);
  EXPECT_EQ(find("up"), tmp.path() + "/bin/sh");
}

TEST_F(ProgramPath, WhatIsNoFileIsRefused) {
  tmp.dir().make_sub("dir");
  ASSERT_EQ(::mkfifoat(tmp.dir().get(), "fifo", 0755), 0);
  EXPECT_THROW(find("dir"), Error);
  EXPECT_THROW(find("fifo"), Error);
  EXPECT_THROW(find("missing"), Error);
}

}  // namespace
}  // namespace rkt::stage0
