// SPDX-License-Identifier: Apache-2.0
#include "image/demands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/digest.h"

namespace rkt::image {
namespace {

using testing::Contains;
using testing::HasSubstr;

std::optional<keystore::Policy> policy(std::string_view requirement) {
  return keystore::parse_policy(
      cat(R"({"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"r.example/x":[)", requirement,
          "]}}}"),
      "/p");
}

std::string text_of_refusal(std::string_view requirement) {
  try {
    demands_on(registry_subject(oci::Reference::parse("r.example/x"), "r.example/x", {}), policy(requirement));
  } catch (const Error& e) {
    return e.brief();
  }
  return {};
}

TEST(Subject, OfARegistryHasTheNameThatTheImageGets) {
  const OciSubject s =
      registry_subject(oci::Reference::parse("R.example:5000/team/x:1"), "R.example:5000/team/x:1", {});
  EXPECT_EQ(s.name, "r.example_5000/team/x");
  EXPECT_EQ(s.asked.repository, "r.example:5000/team/x");
  EXPECT_THAT(s.scopes, Contains("r.example:5000/team"));
  EXPECT_EQ(registry_subject(oci::Reference::parse("redis"), "redis", {}).repository, "docker.io/library/redis");
}

TEST(Demands, AreNoneWithoutAPolicyOrWhenItAcceptsAnything) {
  const OciSubject s = registry_subject(oci::Reference::parse("r.example/x"), "r.example/x", {});
  EXPECT_TRUE(demands_on(s, std::nullopt).list.empty());
  EXPECT_TRUE(demands_on(s, policy(R"({"type":"insecureAcceptAnything"})")).list.empty());
}

TEST(Demands, ThatCannotBeMetAreRefusedNamingThePolicy) {
  EXPECT_THAT(text_of_refusal(R"({"type":"reject"})"), HasSubstr("rejected by the policy in \"/p\""));
  EXPECT_THAT(text_of_refusal(R"({"type":"sigstoreSigned","fulcio":{}})"), HasSubstr("\"fulcio\""));
  EXPECT_THAT(text_of_refusal(R"({"type":"sigstoreSigned","keyPath":"/nonexistent/key"})"),
              HasSubstr("/nonexistent/key"));
  EXPECT_THAT(text_of_refusal(R"({"type":"sigstoreSigned","keyData":"bm8ga2V5"})"), HasSubstr("no PEM public key"));
}

TEST(PlainKeyName, IsTheDigestOfWhatThePemHolds) {
  const std::string pem = "-----BEGIN PUBLIC KEY-----\nAAEC\nAwQ=\n-----END PUBLIC KEY-----\n";
  EXPECT_EQ(plain_key_name(pem), cat("sha256:", sha256_hex(std::string_view("\0\1\2\3\4", 5))));
  for (const char* bad : {"", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"})
    EXPECT_EQ(plain_key_name(bad), "") << bad;
}

}  // namespace
}  // namespace rkt::image
