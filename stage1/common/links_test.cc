// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/links.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/tempdir.h"

namespace rkt::stage1 {
namespace {

class Links : public ::testing::Test {
 protected:
  Links() : root_(tmp_.dir().make_sub("root")) {}
  void link(const char* to, const char* name) { ASSERT_EQ(::symlinkat(to, root_.get(), name), 0); }

  TempDir tmp_;
  DirFd root_;
};

TEST_F(Links, LinksLeadNowhereButInside) {
  root_.make_sub("inside");
  link("/inside", "absolute");
  link("../../../inside", "upwards");
  EXPECT_EQ(resolve_links(root_, "/absolute/x"), "/inside/x");
  EXPECT_EQ(resolve_links(root_, "upwards/./y/.."), "/inside");
}

TEST_F(Links, ALoopOfLinksIsAnError) {
  link("b", "a");
  link("a", "b");
  EXPECT_THROW(resolve_links(root_, "/a"), Error);
}

}  // namespace
}  // namespace rkt::stage1
