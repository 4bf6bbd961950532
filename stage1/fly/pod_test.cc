// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/pod.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::fly {
namespace {

TEST(Credentials, AreReadAsTheyWereWritten) {
  const TempDir tmp;
  const Credentials who{.uid = 1000, .gid = 50, .groups = {50, 7, 4294967294}};
  save_credentials(tmp.dir(), who);
  EXPECT_EQ(load_credentials(tmp.dir()), who);
}

TEST(Credentials, OfAnotherFormAreRefused) {
  const TempDir tmp;
  for (const char* text : {"", "0\n", "0 x\n", "0 1 -1\n"}) {
    write_file(tmp.dir(), "stage1-fly.user", text, 0644);
    EXPECT_THROW(load_credentials(tmp.dir()), Error) << text;
  }
}

}  // namespace
}  // namespace rkt::fly
