// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/protocol.h"

#include <gtest/gtest.h>

namespace rkt::fetch {
namespace {

TEST(Kind, SurvivesTheChannel) {
  for (const Errc code :
       {Errc::network, Errc::busy, Errc::invalid, Errc::not_found, Errc::denied, Errc::unsupported, Errc::untrusted})
    EXPECT_EQ(parse_kind(kind_of(code)), code);
}

TEST(Kind, WhatAWorkerMustNotClaimIsASystemError) {
  EXPECT_EQ(parse_kind("usage"), Errc::system);
  EXPECT_EQ(parse_kind(kind_of(Errc::bug)), Errc::system);
}

}  // namespace
}  // namespace rkt::fetch
