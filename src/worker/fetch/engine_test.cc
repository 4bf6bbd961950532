// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker/fetch/download.h"
#include "worker/fetch/server_for_test.h"

namespace rkt::fetch {
namespace {

using testing::HasSubstr;

constexpr const char* kPatient = R"({"allow_http":true,"auth":{},"stall_ms":20000})";
constexpr const char* kImpatient = R"({"allow_http":true,"auth":{},"stall_ms":50})";

Head fetch_url(TestSession& s, const std::string& url, std::string* body = nullptr, std::string form = {}) {
  Engine engine(s.session);
  ToMemory text(1000, {});
  const Head head = engine.run(
      {.url = url, .authorization = "Basic secret", .form = std::move(form), .receiver = &text, .retries = 2});
  if (body != nullptr) *body = text.text();
  return head;
}
std::string ending(TestSession& s, const std::string& url) {
  try {
    return cat("status ", fetch_url(s, url).status);
  } catch (const Error& e) {
    return e.brief();
  }
}

TEST(Engine, GivesUpAServerThatFallsSilentAfterSomeTries) {
  TestServer server([](const std::string&) { return std::string(TestServer::kSilence); });
  TestSession s(kImpatient);
  EXPECT_THAT(ending(s, cat("http://", server.host(), "/x")), HasSubstr("/x: nothing came for 1 s"));
  EXPECT_EQ(server.requests().size(), 3U);
}

TEST(Engine, GoesOnWhenASilentServerAnswersTheNextTime) {
  int count = 0;
  TestServer server([&](const std::string&) {
    return count++ == 0 ? std::string(TestServer::kSilence) : TestServer::reply("200 OK", "", "hello");
  });
  TestSession s(kImpatient);
  std::string body;
  EXPECT_EQ(fetch_url(s, cat("http://", server.host(), "/x"), &body).status, 200);
  EXPECT_EQ(body, "hello");
}

TEST(Engine, StopsRunningInCircles) {
  std::string host;
  TestServer server(
      [&](const std::string&) { return TestServer::reply("302 Found", cat("Location: http://", host, "/x\r\n"), ""); });
  host = server.host();
  TestSession s(kPatient);
  EXPECT_THAT(ending(s, cat("http://", host, "/x")), HasSubstr("too many redirects"));
  EXPECT_EQ(server.requests().size(), 11U);
}

TEST(Engine, DoesNotRepeatAFormWhereItIsRedirectedTo) {
  TestServer server(
      [&](const std::string&) { return TestServer::reply("307 Temporary Redirect", "Location: /else\r\n", ""); });
  TestSession s(kPatient);
  EXPECT_EQ(fetch_url(s, cat("http://", server.host(), "/x"), nullptr, "refresh_token=secret").status, 307);
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_THAT(server.requests()[0], HasSubstr("POST /x"));
}

TEST(Engine, AsksABusyServerAgainAndThenReportsIt) {
  TestServer server([&](const std::string&) { return TestServer::reply("429 Slow", "Retry-After: 0\r\n", ""); });
  TestSession s(kPatient);
  EXPECT_EQ(ending(s, cat("http://", server.host(), "/x")), "status 429");
  EXPECT_EQ(server.requests().size(), 3U);
}

TEST(Engine, ShowsCredentialsToTheirOriginAlone) {
  TestServer other([](const std::string&) { return TestServer::reply("200 OK", "", ""); });
  TestServer server([&](const std::string&) {
    return TestServer::reply("302 Found", cat("Location: http://", other.host(), "/y\r\n"), "");
  });
  TestSession s(kPatient);
  EXPECT_EQ(fetch_url(s, cat("http://", server.host(), "/x")).status, 200);
  EXPECT_THAT(server.requests()[0], HasSubstr("Authorization: Basic secret"));
  EXPECT_THAT(other.requests()[0], testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace rkt::fetch
