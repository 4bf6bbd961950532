// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/limits.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::fly {
namespace {

TEST(Limits, AreReadAsTheyWereWritten) {
  const TempDir tmp;
  stage1::ProcessLimits limits = stage1::callers_limits();
  limits.nice = -3;
  limits.resources[RLIMIT_CORE] = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
  save_limits(tmp.dir(), limits);
  const auto read = load_limits(tmp.dir());
  EXPECT_EQ(read.nice, -3);
  for (std::size_t kind = 0; kind < limits.resources.size(); ++kind) {
    EXPECT_EQ(read.resources[kind].rlim_cur, limits.resources[kind].rlim_cur) << kind;
    EXPECT_EQ(read.resources[kind].rlim_max, limits.resources[kind].rlim_max) << kind;
  }
}

TEST(Limits, OfAnotherFormAreRefused) {
  const TempDir tmp;
  for (const char* text : {"", "0\n", "0 1 2\n", "x\n"}) {
    write_file(tmp.dir(), "stage1-fly.limits", text, 0644);
    EXPECT_THROW(load_limits(tmp.dir()), Error) << text;
  }
}

}  // namespace
}  // namespace rkt::fly
