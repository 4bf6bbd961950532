// SPDX-License-Identifier: Apache-2.0
#include "config/accounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/strings.h"
#include "tests/support/error_text.h"

namespace rkt::config {
namespace {

using rkt::test::error_text;

std::string auth(std::string_view user_password) { return cat(R"({"auth":")", base64_encode(user_password), "\"}"); }
AuthFile file(std::string_view members) { return parse_auth_file(cat("{", members, "}"), "/c.json"); }
std::string user_at(const AuthFile& f, const std::string& host, const std::string& repository) {
  const auto found = find_account(f, host, repository);
  return found.account ? cat(found.account->user, "/", found.account->password) : "nobody";
}

TEST(AuthFile, KnowsAccountsByHost) {
  const auto f = file(cat(R"("auths":{"r.io:5000":)", auth("u:p:w"), R"(,"https://old.io/v1/":)", auth("o:p"),
                          R"(,"plain.io":{"username":"n","password":"q"},"empty.io":{}})"));
  EXPECT_EQ(user_at(f, "r.io:5000", "x/y"), "u/p:w");
  EXPECT_EQ(user_at(f, "r.io", "x/y"), "nobody");
  EXPECT_EQ(user_at(f, "old.io", "x"), "o/p");
  EXPECT_EQ(user_at(f, "plain.io", "x"), "n/q");
  EXPECT_EQ(user_at(f, "empty.io", "x"), "nobody");
}

TEST(AuthFile, DockerHubHasSeveralNames) {
  const auto f = file(cat(R"("auths":{"https://index.docker.io/v1/":)", auth("u:p"), "}"));
  for (const char* name : {"docker.io", "index.docker.io", "registry-1.docker.io"})
    EXPECT_EQ(user_at(f, name, "library/x"), "u/p");
}

TEST(AuthFile, TheLongestPathCounts) {
  const auto f = file(cat(R"("auths":{"r.io":)", auth("a:1"), R"(,"r.io/team":)", auth("b:2"), R"(,"r.io/team/app":)",
                          auth("c:3"), "}"));
  EXPECT_EQ(user_at(f, "r.io", "x"), "a/1");
  EXPECT_EQ(user_at(f, "r.io", "team/web"), "b/2");
  EXPECT_EQ(user_at(f, "r.io", "teams"), "a/1");
  EXPECT_EQ(user_at(f, "r.io", "team/app"), "c/3");
}

TEST(AuthFile, IdentityTokensStandForPasswords) {
  const auto found = find_account(file(R"("auths":{"r.io":{"identitytoken":"t"}})"), "r.io", "x");
  ASSERT_TRUE(found.account);
  EXPECT_EQ(found.account->identity_token, "t");
}

TEST(AuthFile, HelpersAreAskedForTheirHostAndTheStoreForTheRest) {
  const auto f = file(cat(R"("credHelpers":{"r.io":"one"},"credsStore":"two","auths":{"a.io":)", auth("u:p"), "}"));
  EXPECT_EQ(find_account(f, "r.io", "x").helper, "one");
  EXPECT_EQ(find_account(f, "r.io", "x").server, "r.io");
  EXPECT_EQ(find_account(f, "o.io", "x").helper, "two");
  EXPECT_EQ(find_account(f, "registry-1.docker.io", "x").server, "https://index.docker.io/v1/");
  EXPECT_EQ(user_at(f, "a.io", "x"), "u/p");
}

TEST(AuthFile, ErrorsNameThePlaceAndNotTheSecret) {
  EXPECT_THAT(error_text([] { parse_auth_file("{\"auths\"", "/c.json"); }),
              testing::StartsWith("/c.json: JSON syntax error at line 1"));
  EXPECT_EQ(error_text([] { file(R"("auths":{"r.io":{"auth":"c2VjcmV0"}})"); }),
            "/c.json.auths.r.io.auth: not the base64 form of USER:PASSWORD");
  EXPECT_EQ(error_text([] { file(R"("auths":[])"); }), "/c.json.auths: expected object, got array");
  EXPECT_EQ(error_text([] { file(R"("credHelpers":{"r.io":"../x"})"); }),
            "/c.json.credHelpers.r.io: no name of a helper: \"../x\"");
}

TEST(HelperAnswer, IsAnAccountOrAToken) {
  EXPECT_EQ(parse_helper_answer(R"({"ServerURL":"s","Username":"u","Secret":"p"})", "h").password, "p");
  EXPECT_EQ(parse_helper_answer(R"({"Username":"<token>","Secret":"t"})", "h").identity_token, "t");
  EXPECT_EQ(error_text([] { parse_helper_answer(R"({"Username":"u"})", "h"); }),
            "answer of docker-credential-h.Secret: missing");
  EXPECT_THAT(error_text([] { parse_helper_answer("secret", "h"); }),
              testing::StartsWith("answer of docker-credential-h: JSON syntax error at line 1"));
  EXPECT_THAT(error_text([] { parse_helper_answer("secret", "h"); }), testing::Not(testing::HasSubstr("secret")));
}

}  // namespace
}  // namespace rkt::config
