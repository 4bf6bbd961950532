// SPDX-License-Identifier: Apache-2.0
#include "cgroup/apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
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
  EXPECT_THAT(listed_processes(dir.dir()), testing::ElementsAre(12, 0, 34));
}

// Directories are enough: without processes a cgroup is one.
TEST(NestedGroups, OfAnyDepthAreKilledAndRemovedWithFewDescriptors) {
  const TempDir tmp("/dev/shm");
  DirFd at = tmp.dir().make_sub("pod");
  for (int i = 0; i < 2000; ++i) at = at.make_sub("d");
  tmp.dir().make_sub("pod/other").make_sub("below");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{80, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const ScopeExit restore([&] { ::setrlimit(RLIMIT_NOFILE, &before); });
  for (const bool v2 : {false, true}) {
    kill_group(tmp.dir().sub("pod"), v2);
    empty_group(tmp.dir().sub("pod"), v2);
  }
  remove_group(tmp.dir(), "pod", false);
  EXPECT_FALSE(tmp.dir().exists("pod"));
}

TEST(NewGroup, HasNothingOfOneThatWasThereBefore) {
  const TempDir tmp("/dev/shm");
  const Hierarchy hierarchy{.v2 = true};
  make_new_group(tmp.dir(), "slice", "app", hierarchy).make_sub("below");
  const DirFd again = make_new_group(tmp.dir(), "slice", "app", hierarchy);
  EXPECT_THAT(again.names(), testing::IsEmpty());
  make_new_group(tmp.dir(), "slice", "other", hierarchy);
  EXPECT_THAT(tmp.dir().sub("slice").names(), testing::ElementsAre("app", "other"));
  EXPECT_THROW(make_new_group(tmp.dir(), "missing/slice", "app", hierarchy), Error);
}

TEST(Writer, WritesEachValueAsAWholeAndToTheFileThatIsNamed) {
  const TempDir tmp;
  for (const char* name : {"a", "b"}) write_file(tmp.dir(), name, "", 0644);
  Writer writer(tmp.dir());
  for (const char* value : {"1", "2"}) EXPECT_EQ(writer.write("a", value), 0);
  EXPECT_EQ(writer.write("missing", "3"), ENOENT);
  EXPECT_EQ(writer.write("missing", "3"), ENOENT);
  EXPECT_EQ(writer.write("b", "4"), 0);
  EXPECT_EQ(find_file_text(tmp.dir(), "a"), "2");
  EXPECT_EQ(find_file_text(tmp.dir(), "b"), "4");
}

TEST(RemoveEmpty, LeavesWhatIsNotAndWhatItWasNotToldOf) {
  const TempDir tmp("/dev/shm");
  const DirFd pod = tmp.dir().make_sub("pod");
  for (const char* name : {"slice", "slice/a", "slice/b", "slice/b/nested", "init"}) pod.make_sub(name);
  remove_empty(pod, {"slice/a", "slice/b", "slice/missing", "slice", "init"});
  EXPECT_THAT(pod.names(), testing::ElementsAre("slice"));
  EXPECT_THAT(pod.sub("slice").names(), testing::ElementsAre("b"));
  remove_group(tmp.dir(), "pod", false);
  EXPECT_THAT(tmp.dir().names(), testing::IsEmpty());
  remove_group(tmp.dir(), "pod", false);
}

}  // namespace
}  // namespace rkt::cgroup
