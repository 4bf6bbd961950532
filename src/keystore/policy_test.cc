// SPDX-License-Identifier: Apache-2.0
#include "keystore/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::keystore {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = Requirement::Kind;
using Match = SignedIdentity::Match;

const std::string kDigest = cat("sha256:", std::string(64, 'a'));

ImageReference image(std::string_view text) { return canonical_reference(text).value(); }

Policy policy(std::string_view docker) {
  return parse_policy(cat(R"({"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":)", docker, "}}"),
                      "/p");
}

TEST(Policy, TakesTheMostSpecificScope) {
  const Policy p = policy(R"({"":[{"type":"reject"}],"r.example":[{"type":"sigstoreSigned","keyPath":"/k1"}],
    "r.example/team":[{"type":"sigstoreSigned","keyData":"aw=="}],
    "r.example/team/x:1":[{"type":"insecureAcceptAnything"}]})");
  const auto kind = [&](std::string_view text) { return p.of("docker", docker_scopes(image(text))).at(0).kind; };
  EXPECT_EQ(kind("r.example/team/x:1"), Kind::anything);
  EXPECT_EQ(p.of("docker", docker_scopes(image("r.example/team/x:2"))).at(0).keys, std::vector<std::string>{"k"});
  EXPECT_EQ(p.of("docker", docker_scopes(image("r.example/teams"))).at(0).key_files, std::vector<std::string>{"/k1"});
  EXPECT_EQ(kind("other.example/x"), Kind::reject);
  EXPECT_EQ(p.of("oci", {"/x"}).at(0).kind, Kind::anything);
}

TEST(Policy, ThatIsNotUnderstoodIsAnErrorThatNamesIt) {
  for (const char* bad :
       {"", "[]", "{}", R"({"default":[{"type":"reject"}],"default":[{"type":"insecureAcceptAnything"}]})",
        R"({"default":[]})", R"({"default":[{"type":"x"}]})", R"({"default":[{"type":"reject","x":1}]})",
        R"({"default":[{"type":"reject"}],"extra":1})", R"({"default":[{"type":"signedBy","keyPath":"/k"}]})",
        R"({"default":[{"type":"signedBy","keyType":"GPGKeys"}]})", R"({"default":[{"type":"sigstoreSigned"}]})",
        R"({"default":[{"type":"sigstoreSigned","keyPath":"/k","keyData":"aw=="}]})",
        R"({"default":[{"type":"sigstoreSigned","keyPaths":[]}]})",
        R"({"default":[{"type":"sigstoreSigned","keyData":"!"}]})",
        R"({"default":[{"type":"sigstoreSigned","keyPath":"/k","signedIdentity":null}]})",
        R"({"default":[{"type":"sigstoreSigned","keyPath":"/k","signedIdentity":
            {"type":"exactReference","dockerReference":"r.example/x"}}]})",
        R"({"default":[{"type":"sigstoreSigned","keyPath":"/k","signedIdentity":{"type":"x"}}]})",
        R"({"default":[{"type":"sigstoreSigned","keyPath":"/k","signedIdentity":{"type":"exactReference"}}]})",
        R"({"default":[{"type":"sigstoreSigned","keyPath":"/k","signedIdentity":{"type":"matchExact","x":1}}]})"}) {
    try {
      parse_policy(bad, "/the/policy.json");
      ADD_FAILURE() << bad;
    } catch (const Error& e) {
      EXPECT_THAT(e.brief(), HasSubstr("/the/policy.json")) << bad;
    }
  }
}

TEST(Policy, NotesWhatCannotBeChecked) {
  EXPECT_EQ(policy(R"({"":[{"type":"sigstoreSigned","fulcio":{}}]})").of("docker", {}).at(0).unsupported, "fulcio");
  EXPECT_EQ(policy(R"({"":[{"type":"sigstoreSigned","keyPath":"/k","rekorPublicKeyPath":"/r"}]})")
                .of("docker", {})
                .at(0)
                .unsupported,
            "rekorPublicKeyPath");
}

TEST(Scopes, OfAnImageGoUpToTheDomain) {
  EXPECT_THAT(docker_scopes(image("a.b.example:5000/ns/x:1")),
              ElementsAre("a.b.example:5000/ns/x:1", "a.b.example:5000/ns/x", "a.b.example:5000/ns", "a.b.example:5000",
                          "*.b.example", "*.example"));
  EXPECT_THAT(docker_scopes(image(cat("redis@", kDigest))),
              ElementsAre(cat("docker.io/library/redis@", kDigest), "docker.io/library/redis", "docker.io/library",
                          "docker.io", "*.io"));
  EXPECT_THAT(path_scopes("/a/b/", "n"), ElementsAre("/a/b:n", "/a/b", "/a"));
  EXPECT_THAT(path_scopes("/", ""), ElementsAre());
}

TEST(Reference, IsWrittenOut) {
  EXPECT_EQ(image("redis").repository, "docker.io/library/redis");
  EXPECT_EQ(image("redis").tag, "");
  EXPECT_EQ(image("registry-1.docker.io/library/redis:7").tag, "7");
  EXPECT_EQ(image("R.example:5000/x").repository, "r.example:5000/x");
  EXPECT_EQ(image(cat("x@", kDigest)).digest, kDigest);
  EXPECT_FALSE(canonical_reference("NO"));
  EXPECT_FALSE(canonical_reference(""));
}

TEST(SignedIdentity, MatchesAsItsTypeSays) {
  const ImageReference tagged = image("r.example/x:1"), by_digest = image(cat("r.example/x@", kDigest)),
                       bare = image("r.example/x");
  const SignedIdentity exact{.match = Match::exact}, digest_or_exact, repository{.match = Match::repository};
  EXPECT_TRUE(matches(exact, tagged, tagged));
  EXPECT_FALSE(matches(exact, by_digest, tagged));
  EXPECT_FALSE(matches(exact, bare, bare));
  EXPECT_TRUE(matches(digest_or_exact, tagged, tagged));
  EXPECT_FALSE(matches(digest_or_exact, tagged, image("r.example/x:2")));
  EXPECT_TRUE(matches(digest_or_exact, by_digest, tagged));
  EXPECT_FALSE(matches(digest_or_exact, tagged, bare));
  EXPECT_TRUE(matches(repository, tagged, bare));
  EXPECT_FALSE(matches(repository, tagged, image("r.example/y")));
  EXPECT_TRUE(matches({.match = Match::exact_reference, .reference = "r.example/y:2"}, tagged, image("r.example/y:2")));
  EXPECT_FALSE(matches({.match = Match::exact_reference, .reference = "r.example/y:2"}, tagged, tagged));
  EXPECT_TRUE(matches({.match = Match::exact_repository, .reference = "r.example/y"}, tagged, image("r.example/y:9")));
  const SignedIdentity remap{.match = Match::remap, .prefix = "mirror/vendor", .signed_prefix = "vendor.example"};
  ImageReference mirrored = tagged;
  mirrored.repository = "mirror/vendor/x";
  EXPECT_TRUE(matches(remap, mirrored, image("vendor.example/x:1")));
  mirrored.repository = "mirror/vendors/x";
  EXPECT_FALSE(matches(remap, mirrored, image("vendor.example/x:1")));
}

TEST(ParsePolicy, NullIsNoTransports) {
  EXPECT_THROW(parse_policy(R"({"default":[{"type":"reject"}],"transports":null})", "p"), Error);
  EXPECT_TRUE(parse_policy(R"({"default":[{"type":"reject"}]})", "p").transports.empty());
}

}  // namespace
}  // namespace rkt::keystore
