// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/running.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::native {
namespace {

TEST(Running, ChildrenAreReadHoweverManyThereAre) {
  constexpr pid_t kFirst = 3'900'000, kMany = 250'000;
  std::string text;
  for (pid_t pid = kFirst; pid < kFirst + kMany; ++pid) text += std::to_string(pid) + " ";
  const TempDir dir;
  write_file(dir.dir(), "children", text, 0600);
  const auto found = children_of(dir.dir());
  ASSERT_EQ(found.size(), std::size_t{kMany});
  EXPECT_EQ(found.back(), kFirst + kMany - 1);
}

TEST(Running, ChildrenOfThisThreadAreThoseThatHaveEndedToo) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  EXPECT_THAT(own_children(), testing::Contains(child));
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace rkt::native
