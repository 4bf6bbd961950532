// SPDX-License-Identifier: Apache-2.0
#include "store/gc_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rkt::store {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

ImageRecord used_at(const std::string& key, int second, std::vector<std::string> blobs = {}) {
  ImageRecord r;
  r.key = key;
  r.last_used = TimePoint(seconds(second));
  r.blobs = std::move(blobs);
  return r;
}

std::vector<std::string> keys_of(const std::vector<ImageRecord>& images) {
  std::vector<std::string> out;
  for (const auto& image : images) out.push_back(image.key);
  return out;
}

const std::vector<ImageRecord> kImages = {used_at("new", 900, {"a", "shared"}), used_at("old", 100, {"b", "shared"}),
                                          used_at("older", 50, {"c"})};

GcFacts facts() {
  return {.now = TimePoint(seconds(1000)),
          .running = {},
          .referenced = {},
          .blob_bytes = {{"a", 10}, {"b", 20}, {"c", 30}, {"shared", 100}},
          .other_bytes = 5};
}

TEST(GcPlan, AgeRemovesWhatWasNotUsedForLonger) {
  EXPECT_THAT(keys_of(plan_gc(kImages, {.grace_period = seconds(900)}, facts())), ElementsAre("older"));
  EXPECT_THAT(keys_of(plan_gc(kImages, {.grace_period = seconds(0)}, facts())), ElementsAre("older", "old", "new"));
  EXPECT_THAT(keys_of(plan_gc(kImages, {.grace_period = hours(1)}, facts())), IsEmpty());
}

TEST(GcPlan, ImagesOfRunningPodsStay) {
  GcFacts f = facts();
  f.running = f.referenced = {"old"};
  EXPECT_THAT(keys_of(plan_gc(kImages, {.grace_period = seconds(0)}, f)), ElementsAre("older", "new"));
}

TEST(GcPlan, ImagesOfOtherPodsGoByAgeAlone) {
  GcFacts f = facts();
  f.referenced = {"older"};
  EXPECT_THAT(keys_of(plan_gc(kImages, {.grace_period = seconds(900)}, f)), ElementsAre("older"));
  EXPECT_THAT(keys_of(plan_gc(kImages, {.unused = true}, f)), ElementsAre("old", "new"));
}

TEST(GcPlan, SizeRemovesTheLeastRecentlyUsedUntilItFits) {
  EXPECT_THAT(keys_of(plan_gc(kImages, {.max_size = 165}, facts())), IsEmpty());
  EXPECT_THAT(keys_of(plan_gc(kImages, {.max_size = 164}, facts())), ElementsAre("older"));
  EXPECT_THAT(keys_of(plan_gc(kImages, {.max_size = 134}, facts())), ElementsAre("older", "old"));
  // A blob that another image names frees nothing.
  EXPECT_THAT(keys_of(plan_gc(kImages, {.max_size = 115}, facts())), ElementsAre("older", "old"));
  EXPECT_THAT(keys_of(plan_gc(kImages, {.max_size = 114}, facts())), ElementsAre("older", "old", "new"));
  EXPECT_THAT(keys_of(plan_gc(kImages, {.max_size = 0}, facts())), ElementsAre("older", "old", "new"));
}

TEST(GcPlan, SizeSparesWhatPodsReferTo) {
  GcFacts f = facts();
  f.referenced = {"older"};
  EXPECT_THAT(keys_of(plan_gc(kImages, {.max_size = 150}, f)), ElementsAre("old"));
}

TEST(GcPlan, WhatAgeRemovedCountsForTheSize) {
  EXPECT_THAT(keys_of(plan_gc(kImages, {.grace_period = seconds(900), .max_size = 135}, facts())),
              ElementsAre("older"));
}

}  // namespace
}  // namespace rkt::store
