// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/blobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "sys/digest.h"
#include "worker/fetch/server_for_test.h"

namespace rkt::fetch {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

const std::string kContent(100'000, 'x');
const std::string kDigest = cat("sha256:", sha256_hex(kContent));

// A blob of a server, with what is in its file already.
struct Wanted {
  UniqueFd file;
  BlobWant want;
  Wanted(const TestServer& server, const std::string& digest, std::size_t size, std::string_view present = {})
      : file(memory_file("blob", present)),
        want{.where = {server.host(), "a/b", cat("http://", server.host())},
             .digest = digest,
             .size = size,
             .resume_from = present.size(),
             .file = file.get()} {}
  std::string content() const {
    EXPECT_EQ(::lseek(file.get(), 0, SEEK_SET), 0);
    return read_all(file.get(), "blob");
  }
};

std::string fetch_all(const std::vector<BlobWant>& wants, std::vector<std::size_t>* done = nullptr) {
  TestSession s(R"({"allow_http":true,"auth":{}})");
  try {
    Engine engine(s.session);
    Registry registry(s.session, engine);
    fetch_blobs(s.session, engine, registry, wants, [&](std::size_t i) {
      if (done != nullptr) done->push_back(i);
    });
  } catch (const Error& e) {
    return e.brief();
  }
  return "no error";
}

std::string range(const std::string& request) {
  const auto at = request.find("Range: bytes=");
  return at == std::string::npos ? std::string{} : request.substr(at + 13, request.find('-', at) - at - 13);
}

std::string honest(const std::string& request) {
  const std::string from = range(request);
  if (from.empty()) return TestServer::reply("200 OK", "", kContent);
  const auto first = parse_int<std::size_t>(from).value();
  return TestServer::reply("206 Partial Content",
                           cat("Content-Range: bytes ", from, "-", kContent.size() - 1, "/", kContent.size(), "\r\n"),
                           kContent.substr(first));
}

TEST(Blobs, ArriveEachInItsFile) {
  const std::string other = "short", digest = cat("sha256:", sha256_hex(other));
  TestServer server([&](const std::string& request) {
    return request.find(digest) != std::string::npos ? TestServer::reply("200 OK", "", other) : honest(request);
  });
  const Wanted one(server, kDigest, kContent.size()), two(server, digest, other.size());
  std::vector<std::size_t> done;
  EXPECT_EQ(fetch_all({one.want, two.want}, &done), "no error");
  EXPECT_THAT(done, UnorderedElementsAre(0U, 1U));
  EXPECT_EQ(one.content(), kContent);
  EXPECT_EQ(two.content(), other);
}

TEST(Blobs, AreLookedForElsewhereWithoutCredentials) {
  std::string host;
  TestServer registry([&](const std::string& request) {
    if (request.find("Authorization: ") != std::string::npos) return TestServer::reply("404 No", "", "");
    if (request.find("/token?") != std::string::npos) return TestServer::reply("200 OK", "", R"({"token":"t"})");
    return TestServer::reply("401 No", cat("WWW-Authenticate: Bearer realm=\"http://", host, "/token\"\r\n"), "");
  });
  host = registry.host();
  TestServer elsewhere([&](const std::string& request) {
    if (request.find("/missing") == std::string::npos) return honest(request);
    return TestServer::reply("401 No", cat("WWW-Authenticate: Bearer realm=\"http://", host, "/token\"\r\n"), "");
  });
  Wanted one(registry, kDigest, kContent.size());
  const std::string place = cat("http://", elsewhere.host());
  one.want.urls = {"file:///etc/passwd", "ftp://x/y", cat(place, "/missing"), cat(place, "/there")};
  EXPECT_EQ(fetch_all({one.want}), "no error");
  EXPECT_EQ(one.content(), kContent);
  EXPECT_EQ(elsewhere.requests().size(), 2U);
  EXPECT_THAT(elsewhere.requests(), testing::Each(testing::Not(HasSubstr("Authorization"))));
  EXPECT_EQ(registry.requests().size(), 3U) << "a place elsewhere asks for no token";
}

TEST(Blobs, AreLookedForElsewhereWhateverIsWrongWithAPlace) {
  TestServer registry([](const std::string&) { return TestServer::reply("404 No", "", ""); });
  TestServer elsewhere([&](const std::string& request) {
    if (request.find("/short") != std::string::npos) return TestServer::reply("200 OK", "", "x");
    if (request.find("/other") != std::string::npos) return TestServer::reply("200 OK", "", "y" + kContent.substr(1));
    return honest(request);
  });
  Wanted one(registry, kDigest, kContent.size());
  const std::string place = cat("http://", elsewhere.host());
  one.want.urls = {"http://127.0.0.1:1/refused", cat(place, "/short"), cat(place, "/other"), cat(place, "/there")};
  EXPECT_EQ(fetch_all({one.want}), "no error");
  EXPECT_EQ(one.content(), kContent);
  one.want.urls.pop_back();
  EXPECT_EQ(::ftruncate(one.file.get(), 0), 0);
  EXPECT_THAT(fetch_all({one.want}), HasSubstr("received content with"));
}

TEST(Blobs, AreResumedWhereTheyEnded) {
  TestServer server(honest);
  const Wanted one(server, kDigest, kContent.size(), kContent.substr(0, 70'000));
  EXPECT_EQ(fetch_all({one.want}), "no error");
  EXPECT_EQ(one.content(), kContent);
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_EQ(range(server.requests()[0]), "70000");
}

TEST(Blobs, AreFetchedAsAWholeWhenWhatWasLeftIsWrong) {
  TestServer server(honest);
  const Wanted one(server, kDigest, kContent.size(), "remains of something else");
  EXPECT_EQ(fetch_all({one.want}), "no error");
  EXPECT_EQ(one.content(), kContent);
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST(Blobs, AreResumedAfterALostConnection) {
  int count = 0;
  TestServer server([&](const std::string& request) {
    const std::string all = honest(request);
    return count++ == 0 ? all.substr(0, all.size() / 2) : all;
  });
  const Wanted one(server, kDigest, kContent.size());
  EXPECT_EQ(fetch_all({one.want}), "no error");
  EXPECT_EQ(one.content(), kContent);
  ASSERT_EQ(server.requests().size(), 2U);
  EXPECT_FALSE(range(server.requests()[1]).empty());
}

TEST(Blobs, MustHaveTheirDigest) {
  TestServer server([](const std::string&) { return TestServer::reply("200 OK", "", "y" + kContent.substr(1)); });
  const Wanted one(server, kDigest, kContent.size());
  EXPECT_THAT(fetch_all({one.want}), HasSubstr(kDigest));
}

TEST(Blobs, MustHaveTheirSize) {
  TestServer more([](const std::string&) {
    return cat("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", kContent, "more");  // without saying how much
  });
  const Wanted one(more, kDigest, kContent.size());
  EXPECT_THAT(fetch_all({one.want}), HasSubstr(cat("expected ", kContent.size(), " bytes, received more")));
  EXPECT_LE(one.content().size(), kContent.size());
  TestServer fewer([](const std::string&) { return TestServer::reply("200 OK", "", "x"); });
  const Wanted two(fewer, kDigest, kContent.size());
  EXPECT_THAT(fetch_all({two.want}), HasSubstr("the server announces 1"));
}

TEST(Blobs, OfUnknownSizeHaveALimit) {
  TestServer endless([](const std::string&) {
    return cat("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", kContent);  // without saying how much
  });
  Wanted one(endless, kDigest, 0);
  one.want.max_size = kContent.size();
  EXPECT_EQ(fetch_all({one.want}), "no error");
  Wanted two(endless, kDigest, 0);
  two.want.max_size = 1000;
  EXPECT_THAT(fetch_all({two.want}), HasSubstr("1000"));
  EXPECT_LE(two.content().size(), 1000U);
}

}  // namespace
}  // namespace rkt::fetch
