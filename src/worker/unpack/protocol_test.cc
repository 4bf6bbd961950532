// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/protocol.h"

#include <gtest/gtest.h>

namespace rkt::unpack {
namespace {

TEST(Protocol, ARequestSurvivesTheTrip) {
  const Request sent{
      .operation = Operation::unpack_acis,
      .limits = {.bytes = 1, .entries = 2, .ratio = 3, .ratio_free = 4},
      .archives = {{.digest = "d", .diff_id = "i", .whitelist = {"/a"}, .upper_whitelist = {"/b", "/c"}}, {}}};
  const Request got = parse_request(encode(sent));
  EXPECT_EQ(got.operation, Operation::unpack_acis);
  EXPECT_EQ(got.limits.entries, 2U);
  ASSERT_EQ(got.archives.size(), 2U);
  EXPECT_EQ(got.archives[0].diff_id, "i");
  EXPECT_EQ(got.archives[0].upper_whitelist, (std::vector<std::string>{"/b", "/c"}));
}

TEST(Protocol, WhatLiesBelowALayerSurvivesTheTrip) {
  for (const auto below : {LayersBelow::none, LayersBelow::ready, LayersBelow::later})
    EXPECT_EQ(
        parse_request(encode(Request{.operation = Operation::unpack_layer, .below = below, .archives = {{}}})).below,
        below);
}

TEST(Protocol, OnlyARenderingTakesSeveralArchives) {
  EXPECT_THROW(parse_request(encode(Request{.operation = Operation::unpack_layer, .archives = {{}, {}}})), Error);
  EXPECT_THROW(parse_request(encode(Request{.operation = Operation::scan_aci})), Error);
}

TEST(Protocol, AReplySurvivesTheTrip) {
  const Reply got =
      parse_reply(encode(Reply{.digest = "d", .compression = "xz", .tar_size = 1, .bytes = 2, .entries = 3}));
  EXPECT_EQ(got.compression, "xz");
  EXPECT_EQ(got.entries, 3U);
}

TEST(Protocol, AnErrorIsThrownAgainWithItsCodeAndPrintable) {
  try {
    parse_reply(encode(Error(Errc::untrusted, "entry \"b\xff\"")));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::untrusted);
    EXPECT_EQ(e.brief(), "entry \"b\\xff\"");
  }
}

TEST(Protocol, AReplyThatIsNoneIsRefused) {
  EXPECT_THROW(parse_reply("{}"), Error);
  EXPECT_THROW(parse_reply("not json"), Error);
  EXPECT_THROW(parse_reply(R"({"error":"x","code":"made-up"})"), Error);
}

}  // namespace
}  // namespace rkt::unpack
