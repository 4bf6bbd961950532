// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <gtest/gtest.h>

namespace rkt {
namespace {

TEST(Error, BriefNamesTheOutermostFrameAndTheRootCause) {
  Error e(Errc::not_found, "no matches found for \"zzz\"");
  e.push("unable to resolve UUID");
  e.push("problem retrieving pod");
  EXPECT_EQ(e.brief(), "problem retrieving pod: no matches found for \"zzz\"");
  EXPECT_EQ(e.tree(), "problem retrieving pod\n  └─unable to resolve UUID\n    └─no matches found for \"zzz\"");
}

TEST(Error, AHintFollowsTheCause) {
  Error e(Errc::unsupported, "kernel has no overlay");
  e.hint("use --no-overlay");
  EXPECT_EQ(e.brief(), "kernel has no overlay; use --no-overlay");
}

TEST(Error, FromErrnoKeepsTheErrnoAndDerivesTheCode) {
  const Error e = Error::from_errno("open \"/x\"", ENOENT);
  EXPECT_EQ(e.code(), Errc::not_found);
  EXPECT_EQ(e.sys_errno(), ENOENT);
  EXPECT_EQ(e.brief(), "open \"/x\": no such file or directory");
}

TEST(Error, InContextAddsAFrameOnlyWhenSomethingFailed) {
  EXPECT_EQ(in_context([]() -> std::string { throw Error(Errc::bug, "must not be built"); }, [] { return 3; }), 3);
  try {
    in_context([] { return std::string("outer"); }, [] { throw Error(Errc::invalid, "inner"); });
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.brief(), "outer: inner");
    EXPECT_EQ(e.exit_code(), 254);
  }
}

TEST(Error, WhatElseWentWrongIsAPartOfTheCause) {
  Error first(Errc::busy, "one"), second(Errc::invalid, "two");
  first.push("outer");
  second.push("inner");
  second.hint("mend it");
  first.add(second);
  EXPECT_EQ(first.brief(), "outer: one; inner: two; mend it");
}

TEST(Error, APlaceBecomesPartOfTheCauseAndNothingElseIsLost) {
  try {
    in_place([] { return std::string("/etc/x"); },
             [] {
               Error e = Error::from_errno("read", ENOSPC);
               e.hint("make room").exit_with(7);
               e.push("frame");
               throw Error(e);
             });
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.brief(), "frame: /etc/x: read: no space left on device; make room");
    EXPECT_TRUE(e.disk_full());
    EXPECT_EQ(e.exit_code(), 7);
    EXPECT_EQ(e.code(), Errc::system);
  }
  EXPECT_EQ(in_place([]() -> std::string { throw Error(Errc::bug, "must not be built"); }, [] { return 3; }), 3);
}

}  // namespace
}  // namespace rkt
