// SPDX-License-Identifier: Apache-2.0
#include "cgroup/apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::cgroup {
namespace {

TEST(Processes, AreNoneOnlyWhereTheCgroupIsGone) {
  const TempDir dir;
  EXPECT_THAT(processes(dir.dir()), testing::IsEmpty());
  ASSERT_EQ(::symlinkat("cgroup.procs", dir.dir().get(), "cgroup.procs"), 0);
  EXPECT_THROW(processes(dir.dir()), Error);
}

TEST(Processes, AreThoseThatHaveANumberHere) {
  const TempDir dir;
  write_file(dir.dir(), "cgroup.procs", "12\n0\n34\n", 0644);
  EXPECT_THAT(processes(dir.dir()), testing::ElementsAre(12, 34));
}

}  // namespace
}  // namespace rkt::cgroup
