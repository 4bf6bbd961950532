// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::fly {
namespace {

TEST(StartTime, TheNameMayHoldAnything) {
  EXPECT_EQ(start_time("7 (a) S 1) b) S 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2\n"), 4242U);
  EXPECT_FALSE(start_time("7 (a) S 1 7 7 0 -1"));
  EXPECT_FALSE(start_time(""));
}

TEST(AppProcess, IsReadAsItWasWritten) {
  const TempDir tmp;
  const AppProcess app = own_process(tmp.dir());
  save_process(tmp.dir(), app);
  EXPECT_EQ(load_process(tmp.dir()), app);
  write_file(tmp.dir(), "stage1-fly.process", "1 2 3\n", 0644);
  EXPECT_THROW(load_process(tmp.dir()), Error);
}

TEST(AppProcess, ANumberThatWasGivenToAnotherProcessIsNotTheApp) {
  AppProcess app = own_process(DirFd::open("/"));
  EXPECT_EQ(app.pid, ::getpid());
  EXPECT_TRUE(open_app(app));
  ++app.started;
  EXPECT_FALSE(open_app(app));
}

TEST(AppProcess, WhoHasAnotherRootIsNoMember) {
  const TempDir tmp;
  EXPECT_TRUE(open_members(own_process(tmp.dir())).empty());
  EXPECT_FALSE(open_members(own_process(DirFd::open("/"))).empty());
}

}  // namespace
}  // namespace rkt::fly
