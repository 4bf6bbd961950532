// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/fields.h"

#include <gtest/gtest.h>

namespace rkt::fetch {
namespace {

using std::chrono::seconds;

TEST(MaxAge, NoStoreAndNoCacheWinWhereverTheyStand) {
  EXPECT_EQ(max_age({"no-store, max-age=100"}), 0);
  EXPECT_EQ(max_age({"max-age=100, no-cache"}), 0);
  EXPECT_EQ(max_age({"max-age=100", "No-Cache=\"x\""}), 0);
}

TEST(MaxAge, TakesTheLastNumber) {
  EXPECT_EQ(max_age({"public, Max-Age = 60"}), 60);
  EXPECT_EQ(max_age({"max-age=60, max-age=10"}), 10);
  EXPECT_EQ(max_age({"max-age=-5"}), 0);
}

TEST(MaxAge, IgnoresWhatIsNoNumber) {
  for (const char* value :
       {"max-age", "max-age=", "max-age=1x", "max-age=060", "s-maxage=60", "max-age=99999999999999999999"})
    EXPECT_EQ(max_age({value}), 0) << value;
  EXPECT_EQ(max_age({}), 0);
}

TEST(NextLink, IsTheTargetWithThatRelation) {
  EXPECT_EQ(next_link({"</v2/a?n=1>; rel=\"next\""}), "/v2/a?n=1");
  EXPECT_EQ(next_link({"<x>;Rel=Next"}), "x");
  EXPECT_EQ(next_link({R"(<a>; rel="prev", <b,c>; title="x"; rel="next", <d>; rel=last)"}), "b,c");
  EXPECT_EQ(next_link({"<a>; rel=prev", "<b>; rel=next"}), "b");
  for (const char* none : {"", "<a>", "a; rel=next", "<a; rel=next", "<a>; rel=nextish", "<a>; title=next"})
    EXPECT_EQ(next_link({none}), "") << none;
}

TEST(ContentRange, IsReadWithAndWithoutTotal) {
  const auto known = parse_content_range("bytes 5-9/10");
  ASSERT_TRUE(known);
  EXPECT_EQ(known->first, 5U);
  EXPECT_EQ(known->last, 9U);
  EXPECT_EQ(known->total, 10U);
  const auto open = parse_content_range("Bytes 0-0/*");
  ASSERT_TRUE(open);
  EXPECT_FALSE(open->total);
}

TEST(ContentRange, RefusesContradictionsAndNoise) {
  for (const char* value : {"", "bytes", "bytes */10", "bytes 9-5/10", "bytes 5-9/9", "bytes 5-9", "items 5-9/10",
                            "bytes -5-9/10", "bytes 5-9/x", "bytes 5/9-10"})
    EXPECT_FALSE(parse_content_range(value)) << value;
}

TEST(RetryAfter, IsCapped) {
  EXPECT_EQ(parse_retry_after(" 7 ", seconds(30), 0), seconds(7));
  EXPECT_EQ(parse_retry_after("86400", seconds(30), 0), seconds(30));
  EXPECT_EQ(parse_retry_after("Fri, 31 Dec 1999 23:59:59 GMT", seconds(30), 946'684'790), seconds(9));
  EXPECT_EQ(parse_retry_after("Fri, 31 Dec 1999 23:59:59 GMT", seconds(30), 0), seconds(30));
  EXPECT_FALSE(parse_retry_after("Fri, 31 Dec 1999 23:59:59 GMT", seconds(30), 946'684'800));
  EXPECT_FALSE(parse_retry_after("-1", seconds(30), 0));
  EXPECT_FALSE(parse_retry_after("soon", seconds(30), 0));
}

TEST(Head, StartsAgainWithEachStatusLine) {
  Head head;
  for (const char* line :
       {"HTTP/1.1 100 Continue\r\n", "X-A: 1\r\n", "HTTP/2 206 \r\n", "ETag:  \"x\" \r\n", "X-A: 2\r\n", "x-a: 3"})
    add_line(head, line);
  EXPECT_EQ(head.status, 206);
  EXPECT_EQ(head.field("etag"), "\"x\"");
  EXPECT_EQ(head.all("x-a"), (std::vector<std::string>{"2", "3"}));
}

TEST(ResumeValidator, NeverIsAWeakEtag) {
  Head head;
  head.fields = {{"etag", "W/\"x\""}, {"last-modified", "then"}};
  EXPECT_EQ(resume_validator(head), "then");
  head.fields.front().second = "\"x\"";
  EXPECT_EQ(resume_validator(head), "\"x\"");
}

}  // namespace
}  // namespace rkt::fetch
