// SPDX-License-Identifier: Apache-2.0
#include "base/scope.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt {
namespace {

TEST(ScopeExit, RunsUnlessReleasedAndEndsNoProgram) {
  int runs = 0;
  {
    const ScopeExit first([&] { ++runs; });
    ScopeExit second([&] { ++runs; });
    second.release();
    const ScopeExit failing([&] {
      ++runs;
      throw Error(Errc::system, "nothing to be done");
    });
  }
  EXPECT_EQ(runs, 2);
}

}  // namespace
}  // namespace rkt
