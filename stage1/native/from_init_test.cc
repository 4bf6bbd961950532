// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/from_init.h"

#include <gtest/gtest.h>

namespace rkt::native {
namespace {

using Said = Message::Kind;

TEST(FromInit, WhatHasBeenSaidIsNotTakenAgain) {
  FromInit pod(0);
  EXPECT_TRUE(pod.takes({.kind = Said::assembled}));
  EXPECT_FALSE(pod.takes({.kind = Said::assembled}));
  EXPECT_TRUE(pod.takes({.kind = Said::ready}));
  EXPECT_FALSE(pod.takes({.kind = Said::ready}));
  EXPECT_TRUE(pod.takes({.kind = Said::line}));
  EXPECT_TRUE(pod.takes({.kind = Said::line}));
  FromInit other(0);
  EXPECT_TRUE(other.takes({.kind = Said::ready}));
  EXPECT_FALSE(other.takes({.kind = Said::assembled})) << "apps run by then";
}

TEST(FromInit, AnAppStartsOnceAndEndsOnce) {
  FromInit pod(2);
  EXPECT_TRUE(pod.takes({.kind = Said::started, .app = 1}));
  EXPECT_FALSE(pod.takes({.kind = Said::started, .app = 1}));
  EXPECT_TRUE(pod.takes({.kind = Said::ended, .app = 1}));
  EXPECT_FALSE(pod.takes({.kind = Said::ended, .app = 1}));
  EXPECT_FALSE(pod.takes({.kind = Said::started, .app = 1}));
  EXPECT_TRUE(pod.takes({.kind = Said::ended, .app = 0})) << "it could not be launched";
  EXPECT_FALSE(pod.takes({.kind = Said::started, .app = 2})) << "there is no such app";
}

TEST(FromInit, OfAppsThatOuterLaunchesItSaysNothing) {
  FromInit pod(0);
  for (const auto kind : {Said::started, Said::ended, Said::restarts, Said::start, Said::stop, Said::signal})
    EXPECT_FALSE(pod.takes({.kind = kind}));
}

}  // namespace
}  // namespace rkt::native
