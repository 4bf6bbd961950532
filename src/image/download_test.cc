// SPDX-License-Identifier: Apache-2.0
#include "image/download.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::image {
namespace {

class PartialTest : public testing::Test {
 protected:
  std::string left() { return cat("url-x.", ::geteuid()); }
  void leave(std::string_view bytes) { write_file(store_.partial(), left(), bytes, 0600); }
  void leave_info(std::string_view text) { write_file(store_.partial(), left() + ".info", text, 0600); }
  TempDir tmp_;
  store::Store store_ = store::Store::open(tmp_.path() + "/data");
};

TEST_F(PartialTest, ANewOneStartsAtTheBeginning) {
  const Partial p(store_, "url-x");
  EXPECT_EQ(p.resume_from(), 0U);
  EXPECT_EQ(p.validator(), "");
}

TEST_F(PartialTest, WhatAKilledProcessLeftIsResumedWithItsValidator) {
  {
    Partial p(store_, "url-x");
    p.note({"\"tag\"", "Mon, 01 Jan 2024 00:00:00 GMT", 10});
    write_all(p.file(), "abcd", "test");
  }
  const Partial again(store_, "url-x");
  EXPECT_EQ(again.resume_from(), 4U);
  EXPECT_EQ(again.validator(), "\"tag\"");
}

TEST_F(PartialTest, OnlyAStrongTagIsEnoughToPutTwoHalvesTogether) {
  for (const char* tag : {"W/\"tag\"", "tag", ""}) {
    {
      Partial p(store_, "url-x");
      p.note({tag, "Mon, 01 Jan 2024 00:00:00 GMT", 10});
      write_all(p.file(), "abcd", "test");
    }
    Partial again(store_, "url-x");
    EXPECT_EQ(again.validator(), "Mon, 01 Jan 2024 00:00:00 GMT") << tag;
    again.discard();
  }
}

TEST_F(PartialTest, WithoutAValidatorEverythingIsThrownAway) {
  leave("abcd");
  EXPECT_EQ(Partial(store_, "url-x").resume_from(), 0U);
  leave("abcd");
  leave_info("{\"validator\":\"\",\"size\":10}");
  EXPECT_EQ(Partial(store_, "url-x").resume_from(), 0U);
  leave("abcd");
  leave_info("not JSON");
  EXPECT_EQ(Partial(store_, "url-x").resume_from(), 0U);
}

TEST_F(PartialTest, ACompleteFileAsksForItsLastByteAgain) {
  leave("abcd");
  leave_info("{\"validator\":\"v\",\"size\":4}");
  EXPECT_EQ(Partial(store_, "url-x").resume_from(), 3U);
}

TEST_F(PartialTest, DiscardLeavesNothing) {
  Partial p(store_, "url-x");
  p.note({"v", "", 1});
  p.discard();
  EXPECT_TRUE(store_.partial().names().empty());
}

TEST_F(PartialTest, ASourceIsNamedByWhatItIs) {
  EXPECT_EQ(source_name("url", "https://e.com/a.aci").size(), 4 + 64U);
  EXPECT_NE(source_name("url", "https://e.com/a.aci"), source_name("url", "https://e.com/b.aci"));
  EXPECT_NE(source_name("url", "x"), source_name("ref", "x"));
}

TEST_F(PartialTest, AFreeSourceIsTakenWithoutWaiting) {
  const SourceLock lock = take_source(store_, "url-x", "Downloading ACI", {});
  EXPECT_FALSE(lock.waited);
}

}  // namespace
}  // namespace rkt::image
