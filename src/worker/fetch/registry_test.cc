// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sys/digest.h"
#include "worker/fetch/server_for_test.h"

namespace rkt::fetch {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Not;

const std::string kHttp = R"({"allow_http":true,"auth":{}})";
const std::string kConfig = R"({"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}})";
const std::string kManifestMediaType = "application/vnd.oci.image.manifest.v1+json";

std::string descriptor(const std::string& type, const std::string& bytes) {
  return cat(R"({"mediaType":")", type, R"(","digest":"sha256:)", sha256_hex(bytes), R"(","size":)", bytes.size(),
             R"(,"platform":{"os":"linux","architecture":"amd64"}})");
}
const std::string kManifest = cat(R"({"schemaVersion":2,"mediaType":")", kManifestMediaType, R"(","config":)",
                                  descriptor("application/vnd.oci.image.config.v1+json", kConfig), R"(,"layers":[)",
                                  descriptor("application/vnd.oci.image.layer.v1.tar", "layer"), "]}");
const std::string kIndex = cat(R"({"schemaVersion":2,"manifests":[)", descriptor(kManifestMediaType, kManifest), "]}");

std::string path_of(const std::string& request) { return request.substr(4, request.find(' ', 4) - 4); }

std::string documents(const std::string& request) {
  const std::string path = path_of(request);
  if (path.ends_with("/manifests/latest"))
    return TestServer::reply("200 OK", "Content-Type: application/vnd.oci.image.index.v1+json; charset=x\r\n", kIndex);
  if (path.find("/manifests/sha256:") != std::string::npos)
    return TestServer::reply("200 OK", cat("Content-Type: ", kManifestMediaType, "\r\n"), kManifest);
  if (path.find("/blobs/sha256:") != std::string::npos) return TestServer::reply("200 OK", "", kConfig);
  return TestServer::reply("404 Not Found", "", "");
}

std::string failure(TestSession& s, const std::string& host, const std::string& reference = "latest") {
  try {
    Engine engine(s.session);
    Repository where{.host = host, .name = "a/b", .base_url = {}};
    (void)Registry(s.session, engine).resolve(where, reference, {"linux", "amd64", ""});
  } catch (const Error& e) {
    return e.brief();
  }
  return "no error";
}

TEST(Registry, FollowsAnIndexToTheImageOfThisPlatform) {
  TestServer server(documents);
  TestSession s(kHttp);
  Engine engine(s.session);
  Repository where{.host = server.host(), .name = "a/b", .base_url = {}};
  const auto found = Registry(s.session, engine).resolve(where, "latest", {"linux", "amd64", ""});
  EXPECT_EQ(found.path.back().bytes, kManifest);
  EXPECT_EQ(found.config, kConfig);
  EXPECT_EQ(where.base_url, cat("http://", server.host()));
  EXPECT_THAT(server.requests().front(), HasSubstr("Accept: application/vnd.oci.image.index.v1+json\r\n"));
  EXPECT_THAT(server.requests().front(),
              HasSubstr("Accept: application/vnd.docker.distribution.manifest.list.v2+json\r\n"));
}

TEST(Registry, IsNotSpokenToOverHttpUnlessAllowed) {
  TestServer server(documents);
  TestSession s(R"({"auth":{}})");
  EXPECT_THAT(failure(s, server.host()), HasSubstr("https://"));
  EXPECT_TRUE(server.requests().empty());
}

TEST(Registry, GetsATokenAndPresentsItFromThenOn) {
  std::string host;
  TestServer server([&](const std::string& request) {
    if (path_of(request).starts_with("/token?")) return TestServer::reply("200 OK", "", R"({"access_token":"sesame"})");
    if (request.find("Authorization: Bearer sesame\r\n") != std::string::npos) return documents(request);
    return TestServer::reply("401 No",
                             cat("WWW-Authenticate: Bearer service=\"x, y\",realm=\"http://", host,
                                 "/token\",scope=\"repository:a/b:pull\"\r\n"),
                             "");
  });
  host = server.host();
  TestSession s(kHttp);
  EXPECT_EQ(failure(s, host), "no error");
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 5U);  // refused, token, index, manifest, configuration
  EXPECT_EQ(path_of(requests[1]), "/token?service=x%2C%20y&scope=repository%3Aa%2Fb%3Apull");
}

TEST(Registry, GivesUpWhenATokenDoesNotHelp) {
  std::string host;
  TestServer server([&](const std::string& request) {
    if (path_of(request).starts_with("/token?")) return TestServer::reply("200 OK", "", R"({"token":"t"})");
    return TestServer::reply("401 No", cat("WWW-Authenticate: Bearer realm=\"http://", host, "/token\"\r\n"), "");
  });
  host = server.host();
  TestSession s(kHttp);
  EXPECT_THAT(failure(s, host), HasSubstr("Unexpected HTTP code: 401"));
  EXPECT_LE(server.requests().size(), 6U);
}

TEST(Registry, DoesNotPutAForeignTokenIntoAHeaderUnseen) {
  std::string host;
  TestServer server([&](const std::string& request) {
    if (path_of(request).starts_with("/token?"))
      return TestServer::reply("200 OK", "", R"({"token":"t\r\nX-Injected: 1"})");
    return TestServer::reply("401 No", cat("WWW-Authenticate: Bearer realm=\"http://", host, "/token\"\r\n"), "");
  });
  host = server.host();
  TestSession s(kHttp);
  EXPECT_THAT(failure(s, host), HasSubstr("token"));
}

TEST(Registry, NeverSendsPasswordsOverHttp) {
  TestServer server(
      [](const std::string&) { return TestServer::reply("401 No", "WWW-Authenticate: Basic realm=\"x\"\r\n", ""); });
  TestSession s(kHttp);
  s.session.set_access(server.host(), {.user = "u", .password = "p"});
  EXPECT_THAT(failure(s, server.host()), HasSubstr("passwords are not sent over http"));
  EXPECT_THAT(server.requests(), Each(Not(HasSubstr("Authorization"))));
}

TEST(Registry, NeverTellsSecretsToARealmThatWasNamedOverHttp) {
  TestServer server([](const std::string&) {
    return TestServer::reply("401 No", "WWW-Authenticate: Bearer realm=\"https://127.0.0.1:9/token\"\r\n", "");
  });
  TestSession s(kHttp);
  Engine engine(s.session);
  for (const Access& secret : {Access{.user = "u", .password = "p"}, Access{.identity_token = "t"}}) {
    s.session.set_access(server.host(), secret);
    EXPECT_THAT(failure(s, server.host()), HasSubstr("https://127.0.0.1:9/token"));
  }
  EXPECT_THAT(server.requests(), Each(Not(HasSubstr("Authorization"))));
}

TEST(Registry, MayBeInsecureAlone) {
  TestServer server(documents);
  TestSession s(R"({"auth":{}})");
  s.session.set_access(server.host(), {.insecure = true});
  EXPECT_EQ(failure(s, server.host()), "no error");
  EXPECT_THAT(failure(s, "127.0.0.1:9"), HasSubstr("https://127.0.0.1:9"));
}

TEST(Registry, SaysWhyItWasRefused) {
  TestServer server([](const std::string&) {
    return TestServer::reply("403 No", "", R"({"errors":[{"code":"DENIED","message":"subscription expired"}]})");
  });
  TestSession s(kHttp);
  const std::string why = failure(s, server.host());
  EXPECT_THAT(why, HasSubstr("Unexpected HTTP code: 403"));
  EXPECT_THAT(why, HasSubstr(": DENIED: subscription expired"));
  EXPECT_THAT(why, Not(HasSubstr("passwords")));
}

TEST(RegistryReason, IsBoundedAndEmptyForWhatIsNone) {
  EXPECT_EQ(registry_reason(R"({"errors":[{"code":"A"},{"message":"b"},{"detail":{}},{"code":"C","message":"c"}]})"),
            "A; b");
  EXPECT_LT(registry_reason(cat(R"({"errors":[{"message":")", std::string(5000, 'x'), "\"}]}")).size(), 1000U);
  for (const char* body : {"", "<html>", "{}", R"({"errors":{}})", R"({"errors":[1]})", R"({"errors":[{"code":1}]})"})
    EXPECT_EQ(registry_reason(body), "") << body;
}

TEST(Registry, NamesWhatIsNotThere) {
  TestServer server(documents);
  TestSession s(kHttp);
  EXPECT_THAT(failure(s, server.host(), "other"), HasSubstr("Unexpected HTTP code: 404, URL: http://"));
}

TEST(Registry, RefusesADocumentThatIsNotWhatItsDigestPromised) {
  TestServer server([](const std::string& request) {
    if (path_of(request).find("/blobs/") != std::string::npos) return TestServer::reply("200 OK", "", "{}");
    return documents(request);
  });
  TestSession s(kHttp);
  EXPECT_THAT(failure(s, server.host()), HasSubstr(sha256_hex(kConfig)));
}

}  // namespace
}  // namespace rkt::fetch
