// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/url.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::fetch {
namespace {

TEST(ParseUrl, FindsWhoIsAsked) {
  EXPECT_EQ(parse_url("https://Example.COM:8443/a?b").authority, "example.com:8443");
  EXPECT_EQ(parse_url("http://user:secret@h/x").authority, "h");
  EXPECT_EQ(parse_url("https://h?x=http://other/").authority, "h");
}

TEST(ParseUrl, RefusesOtherSchemes) {
  for (const char* url : {"ftp://h/x", "file:///etc/passwd", "gopher://h"}) {
    try {
      parse_url(url);
      ADD_FAILURE() << url;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Errc::unsupported);
    }
  }
}

TEST(ParseUrl, RefusesWhatTwoParsersCouldReadDifferently) {
  for (const char* url : {"https://a b/", "https://a\\@b/", "https://a\r\nX: y/", "https://", "https://:443/",
                          "https://h:x/", "https://h:99999/", "no url", "https://user@/x"})
    EXPECT_THROW(parse_url(url), Error) << url;
}

TEST(SparesPort, AnEntryWithAPortIsForThatPortAlone) {
  const auto spares = [](const char* list, const char* url) { return fetch::spares(list, parse_url(url)); };
  EXPECT_TRUE(spares("x, Example.com:5000", "http://example.com:5000/v2/"));
  EXPECT_TRUE(spares("example.com:5000", "http://a.example.com:5000/"));
  EXPECT_TRUE(spares("example.com:443", "https://example.com/"));
  EXPECT_TRUE(spares("10.0.0.1:80,[::1]:8080", "http://[::1]:8080/"));
  EXPECT_TRUE(spares("*.example.com:80", "http://a.example.com/"));
  EXPECT_FALSE(spares("example.com:5000", "http://example.com:50/"));
  EXPECT_FALSE(spares("example.com:5000", "http://an-example.com:5000/"));
  EXPECT_FALSE(spares(".example.com:80", "http://example.com/"));
  EXPECT_TRUE(spares("x, .Example.com", "http://a.example.com:81/"));
  EXPECT_TRUE(spares(".a.com .b.com", "http://x.b.com/"));
  EXPECT_EQ(spared_by_library("a .b.com  c"), "a,c");
  EXPECT_FALSE(spares(".example.com,.,", "http://example.com/")) << "what is in a domain, not the domain";
  EXPECT_EQ(spared_by_library("a, .b,.c:80,10.0.0.0/8"), "a,.c:80,10.0.0.0/8");
  EXPECT_FALSE(spares("example.com,:80,", "http://example.com/")) << "an entry without a port is not looked at";
}

TEST(Origin, WritesTheDefaultPortOut) {
  EXPECT_EQ(parse_url("https://h/").origin(), parse_url("https://H:443/x").origin());
  EXPECT_NE(parse_url("https://h/").origin(), parse_url("http://h/").origin());
  EXPECT_NE(parse_url("https://h/").origin(), parse_url("https://h:8443/").origin());
  EXPECT_EQ(parse_url("http://[::1]/").origin(), "http://[::1]:80");
}

TEST(Query, IsEncodedAndAppended) {
  EXPECT_EQ(with_query("https://h/t", "a=b"), "https://h/t?a=b");
  EXPECT_EQ(with_query("https://h/t?x=1#f", "a=b"), "https://h/t?x=1&a=b");
}

}  // namespace
}  // namespace rkt::fetch
