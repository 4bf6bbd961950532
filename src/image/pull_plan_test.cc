// SPDX-License-Identifier: Apache-2.0
#include "image/pull_plan.h"

#include <gtest/gtest.h>

namespace rkt::image {
namespace {

using std::chrono::seconds;

Stored row(Standing standing, seconds age = seconds(10), seconds max_age = seconds(0)) {
  return {.standing = standing, .age = age, .max_age = max_age, .cacheable = true};
}

TEST(PlanPull, NeverUsesOnlyWhatIsStoredAndTrusted) {
  EXPECT_EQ(plan_pull(PullPolicy::never, RemoteKind::url, std::nullopt), PullStep::give_up);
  EXPECT_EQ(plan_pull(PullPolicy::never, RemoteKind::url, row(Standing::accepted)), PullStep::use_store);
  EXPECT_EQ(plan_pull(PullPolicy::never, RemoteKind::name, row(Standing::unverified)), PullStep::refuse_stored);
  EXPECT_EQ(plan_pull(PullPolicy::never, RemoteKind::docker, row(Standing::revoked)), PullStep::refuse_stored);
}

TEST(PlanPull, NewFetchesWhatIsMissingOrWasNeverVerified) {
  EXPECT_EQ(plan_pull(PullPolicy::fresh, RemoteKind::url, std::nullopt), PullStep::fetch);
  EXPECT_EQ(plan_pull(PullPolicy::fresh, RemoteKind::url, row(Standing::accepted, seconds(1'000'000))),
            PullStep::use_store);
  EXPECT_EQ(plan_pull(PullPolicy::fresh, RemoteKind::name, row(Standing::unverified)), PullStep::fetch);
  EXPECT_EQ(plan_pull(PullPolicy::fresh, RemoteKind::docker, row(Standing::accepted)), PullStep::use_store);
}

TEST(PlanPull, NewRefusesAnImageWhoseKeyWasWithdrawn) {
  EXPECT_EQ(plan_pull(PullPolicy::fresh, RemoteKind::name, row(Standing::revoked)), PullStep::refuse_stored);
}

TEST(PlanPull, UpdateFollowsTheHttpCacheRules) {
  EXPECT_EQ(plan_pull(PullPolicy::update, RemoteKind::url, std::nullopt), PullStep::fetch);
  EXPECT_EQ(plan_pull(PullPolicy::update, RemoteKind::url, row(Standing::accepted, seconds(9), seconds(10))),
            PullStep::use_store);
  EXPECT_EQ(plan_pull(PullPolicy::update, RemoteKind::url, row(Standing::accepted, seconds(10), seconds(10))),
            PullStep::fetch_if_changed);
  EXPECT_EQ(plan_pull(PullPolicy::update, RemoteKind::url, row(Standing::accepted)), PullStep::fetch_if_changed);
}

TEST(PlanPull, UpdateNeverTrustsACacheEntryThatWasNotVerified) {
  EXPECT_EQ(plan_pull(PullPolicy::update, RemoteKind::url, row(Standing::unverified, seconds(1), seconds(100))),
            PullStep::fetch);
  EXPECT_EQ(plan_pull(PullPolicy::update, RemoteKind::url, row(Standing::revoked, seconds(1), seconds(100))),
            PullStep::fetch);
}

TEST(PlanPull, UpdateFetchesAllOfAnImageThatLostABlob) {
  Stored stored = row(Standing::accepted, seconds(1), seconds(100));
  stored.complete = false;
  EXPECT_EQ(plan_pull(PullPolicy::update, RemoteKind::url, stored), PullStep::fetch);
  EXPECT_EQ(plan_pull(PullPolicy::fresh, RemoteKind::url, stored), PullStep::use_store) << "its tree may be there";
}

TEST(PlanPull, UpdateAsksARegistryEachTime) {
  EXPECT_EQ(plan_pull(PullPolicy::update, RemoteKind::docker, row(Standing::accepted, seconds(1), seconds(100))),
            PullStep::fetch);
}

}  // namespace
}  // namespace rkt::image
