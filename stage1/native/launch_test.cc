// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/launch.h"

#include <gtest/gtest.h>

#include "sys/file.h"

namespace rkt::native {
namespace {

TEST(OwnArguments, AreTheWholeCommandLine) {
  const auto own = own_arguments();
  EXPECT_EQ(std::string(own.begin(), own.end()), read_file("/proc/self/cmdline"));
}

}  // namespace
}  // namespace rkt::native
