// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/inherited.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/fd.h"

namespace rkt::stage1 {
namespace {

// Of this process, for a while.
class InheritedTest : public ::testing::Test {
 protected:
  static void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }
  void TearDown() override {
    for (const char* name : {"RKT_LOCK_FD", "LISTEN_PID", "LISTEN_FDS"}) ::unsetenv(name);
  }
};

TEST_F(InheritedTest, TheLockIsAnOpenDescriptorBehindTheStandardStreams) {
  UniqueFd fd(::open("/", O_PATH | O_CLOEXEC));
  set("RKT_LOCK_FD", cat(fd.get()));
  EXPECT_EQ(inherited_lock(), fd.get());
  fd.reset();
  EXPECT_THROW(inherited_lock(), Error);
  for (const char* bad : {"", "2", "-1", "x", "4294967299"}) {
    set("RKT_LOCK_FD", bad);
    EXPECT_THROW(inherited_lock(), Error) << bad;
  }
}

TEST_F(InheritedTest, DescriptorsArePassedToTheProcessThatIsNamed) {
  EXPECT_EQ(passed_descriptors(), 0);
  set("LISTEN_FDS", "2");
  EXPECT_EQ(passed_descriptors(), 0);
  set("LISTEN_PID", cat(::getpid()));
  EXPECT_EQ(passed_descriptors(), 2);
  set("LISTEN_PID", cat(::getpid() + 1));
  EXPECT_EQ(passed_descriptors(), 0);
  set("LISTEN_PID", cat(::getpid()));
  for (const char* none : {"-1", "x", "", "99999999999"}) {
    set("LISTEN_FDS", none);
    EXPECT_EQ(passed_descriptors(), 0) << none;
  }
}

}  // namespace
}  // namespace rkt::stage1
