// SPDX-License-Identifier: Apache-2.0
#include "image/image_trust.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace rkt::image {
namespace {

using Match = keystore::SignedIdentity::Match;

const std::string kTrusted = cat("sha256:", std::string(64, 'a')), kPolicy = cat("sha256:", std::string(64, 'b'));
const std::vector<keystore::TrustedKey> kRing = {{.fingerprint = kTrusted, .path = {}, .bytes = {}}};

OciSubject asked(const std::string& text) { return registry_subject(oci::Reference::parse(text), text, {}); }

Demands demands(Match match = Match::repository) {
  Demands out{.file = "/p", .list = {{}}};
  out.list[0].keys = {{.fingerprint = kPolicy, .path = {}, .bytes = {}}};
  out.list[0].identity.match = match;
  return out;
}

TEST(SignatureIdentity, IsTheRepositoryThatWasAskedFor) {
  EXPECT_TRUE(is_for(asked("r.example/x:1"), "r.example/x"));
  EXPECT_TRUE(is_for(asked("r.example/x:1"), "r.example/x:2"));
  EXPECT_FALSE(is_for(asked("r.example/x"), "r.example/y"));
  EXPECT_FALSE(is_for(asked("r.example/x"), "r.example/x/y"));
  EXPECT_FALSE(is_for(asked("r.example/x"), ""));
  EXPECT_TRUE(is_for(asked("redis"), "index.docker.io/library/redis"));
  EXPECT_TRUE(is_for(asked("redis"), "docker.io/library/redis:7"));
}

TEST(SignatureIdentity, OfALayoutIsTakenLiterally) {
  const OciSubject layout = layout_subject("/l/redis", {}, false, "redis", {}, {});
  EXPECT_TRUE(is_for(layout, "redis:1"));
  EXPECT_FALSE(is_for(layout, "docker.io/library/redis"));
  EXPECT_FALSE(is_for(layout, ""));
}

TEST(Decide, TheKeyStoreAloneWithoutDemands) {
  const OciSubject x = asked("r.example/x:1");
  EXPECT_EQ(decide(x, {{kTrusted, "r.example/x"}}, kRing, {}), Finding::accepted);
  EXPECT_EQ(decide(x, {{kTrusted, "r.example/y"}}, kRing, {}), Finding::other_identity);
  EXPECT_EQ(decide(x, {{kPolicy, "r.example/x"}}, kRing, {}), Finding::other_identity);
}

TEST(Decide, ASignatureThatNamesNoImageCountsForTheKeysNamesButMeetsNoPolicy) {
  const OciSubject x = asked("r.example/x:1");
  EXPECT_EQ(decide(x, {{kTrusted, std::nullopt}}, kRing, {}), Finding::accepted);
  EXPECT_EQ(decide(x, {{kTrusted, ""}}, kRing, {}), Finding::other_identity);
  EXPECT_EQ(decide(x, {{kPolicy, std::nullopt}}, kRing, {}), Finding::other_identity);
  EXPECT_EQ(decide(x, {{kPolicy, std::nullopt}}, kRing, demands()), Finding::policy);
}

TEST(Decide, ADemandMustBeMetAndIsEnough) {
  const OciSubject x = asked("r.example/x:1");
  EXPECT_EQ(decide(x, {{kTrusted, "r.example/x"}}, kRing, demands()), Finding::policy);
  EXPECT_EQ(decide(x, {{kPolicy, "r.example/x"}}, kRing, demands()), Finding::accepted);
  EXPECT_EQ(decide(x, {{kPolicy, "r.example/x"}}, {}, demands()), Finding::accepted);
  EXPECT_EQ(decide(x, {{kPolicy, "r.example/y"}}, kRing, demands()), Finding::policy);
  EXPECT_EQ(decide(x, {{kPolicy, "r.example/x"}}, kRing, demands(Match::exact)), Finding::policy);
  EXPECT_EQ(decide(x, {{kPolicy, "r.example/x:1"}}, kRing, demands(Match::exact)), Finding::accepted);
  Demands two = demands();
  two.list.push_back(two.list[0]);
  two.list[1].keys[0].fingerprint = kTrusted;
  EXPECT_EQ(decide(x, {{kPolicy, "r.example/x"}}, kRing, two), Finding::policy);
  EXPECT_EQ(decide(x, {{kPolicy, "r.example/x"}, {kTrusted, "r.example/x"}}, kRing, two), Finding::accepted);
}

TEST(StillTrusted, AsLongAsKeyStoreOrPolicyHaveASigner) {
  EXPECT_TRUE(still_trusted({kPolicy, kTrusted}, kRing, {}));
  EXPECT_FALSE(still_trusted({kPolicy}, kRing, {}));
  EXPECT_FALSE(still_trusted({}, kRing, {}));
  EXPECT_TRUE(still_trusted({kPolicy}, {}, demands()));
  EXPECT_FALSE(still_trusted({kTrusted}, kRing, demands()));
}

}  // namespace
}  // namespace rkt::image
