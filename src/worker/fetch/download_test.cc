// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/download.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/digest.h"
#include "sys/file.h"

namespace rkt::fetch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Head answer(long status, std::vector<std::pair<std::string, std::string>> fields = {}) {
  return {.status = status, .url = "http://h/", .over_tls = false, .fields = std::move(fields)};
}

// A file with some bytes, and what was told about its download.
struct Target {
  UniqueFd file;
  std::vector<std::uint64_t> sizes_at_headers;
  explicit Target(std::string_view present = {}) : file(memory_file("download", present)) {}
  ToFile make(FileWant want) {
    return {file.get(), std::move(want), [](std::uint64_t, std::uint64_t) {},
            [this](const Head&, std::uint64_t) { sizes_at_headers.push_back(size()); }};
  }
  std::uint64_t size() const {
    struct stat st{};
    EXPECT_EQ(::fstat(file.get(), &st), 0);
    return static_cast<std::uint64_t>(st.st_size);
  }
  std::string content() const {
    std::string out(size(), '\0');
    EXPECT_EQ(::pread(file.get(), out.data(), out.size(), 0), static_cast<ssize_t>(out.size()));
    return out;
  }
};

template <class F>
std::string failure(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.brief();
  }
  return "no error";
}

TEST(ToFile, ContinuesAfterAFittingRange) {
  Target target("hello");
  ToFile to = target.make({.have = 5, .validator = "\"e\""});
  EXPECT_THAT(to.headers(), ElementsAre("Range: bytes=5-", "If-Range: \"e\""));
  ASSERT_TRUE(to.begin(answer(206, {{"content-range", "bytes 5-10/11"}, {"content-length", "6"}})));
  to.bytes(" world");
  to.complete();
  EXPECT_EQ(target.content(), "hello world");
  EXPECT_TRUE(to.resumed());
}

TEST(ToFile, DoesNotContinueWhatHasChanged) {
  const std::pair<std::string, std::string> range{"content-range", "bytes 5-10/11"};
  struct Case {
    const char *validator, *field, *value;
    bool good;
  };
  for (const auto& c : {Case{"\"e\"", "etag", "\"e\"", true}, Case{"\"e\"", "etag", "\"f\"", false},
                        Case{"\"e\"", "etag", "W/\"e\"", false}, Case{"\"e\"", "last-modified", "Wed", true},
                        Case{"Wed", "last-modified", "Wed", true}, Case{"Wed", "last-modified", "Thu", false}}) {
    Target target("hello");
    ToFile to = target.make({.have = 5, .validator = c.validator});
    (void)to.headers();
    EXPECT_EQ(to.begin(answer(206, {range, {c.field, c.value}})), c.good) << c.validator << " " << c.value;
    EXPECT_EQ(target.content(), "hello");
    EXPECT_TRUE(c.good || to.restart());
  }
}

TEST(ToFile, StartsAgainWhenTheServerSendsEverything) {
  Target target("old bytes");
  ToFile to = target.make({.have = 9, .validator = "\"e\""});
  (void)to.headers();
  ASSERT_TRUE(to.begin(answer(200, {{"content-length", "3"}})));
  to.bytes("new");
  to.complete();
  EXPECT_EQ(target.content(), "new");
  EXPECT_FALSE(to.resumed());
}

TEST(ToFile, IsCutBeforeTheHeadersAreTold) {
  Target target("old bytes");
  ToFile to = target.make({.have = 9, .validator = "\"e\""});
  (void)to.headers();
  (void)to.begin(answer(200));
  EXPECT_THAT(target.sizes_at_headers, ElementsAre(0U));
}

TEST(ToFile, RefusesARangeItDidNotAskFor) {
  Target target("hello");
  ToFile to = target.make({.have = 5, .validator = "\"e\""});
  (void)to.headers();
  EXPECT_FALSE(to.begin(answer(206, {{"content-range", "bytes 4-10/11"}})));
  EXPECT_FALSE(to.begin(answer(206)));
  ASSERT_TRUE(to.restart());
  EXPECT_TRUE(to.headers().empty());
  EXPECT_FALSE(to.begin(answer(206, {{"content-range", "bytes 0-10/11"}})));
  EXPECT_FALSE(to.restart());
}

TEST(ToFile, AsksForEverythingWithoutAValidator) {
  Target target("hello");
  ToFile to = target.make({.have = 5, .if_none_match = "\"x\""});
  EXPECT_THAT(to.headers(), ElementsAre("If-None-Match: \"x\""));
  EXPECT_THAT(target.make({.if_modified_since = "D"}).headers(), ElementsAre("If-Modified-Since: D"));
}

TEST(ToFile, StopsAtTheFirstByteTooMany) {
  Target target;
  ToFile to = target.make({.max_size = 4});
  (void)to.headers();
  ASSERT_TRUE(to.begin(answer(200)));
  to.bytes("1234");
  EXPECT_THAT(failure([&] { to.bytes("5"); }), HasSubstr("limit of 4"));
  EXPECT_EQ(target.content(), "1234");
  EXPECT_THAT(failure([&] { (void)target.make({.max_size = 4}).begin(answer(200, {{"content-length", "5"}})); }),
              HasSubstr("limit of 4"));
}

TEST(ToFile, NoticesABodyThatEndsEarly) {
  Target target;
  ToFile to = target.make({});
  (void)to.headers();
  ASSERT_TRUE(to.begin(answer(200, {{"content-length", "5"}})));
  to.bytes("1234");
  EXPECT_THAT(failure([&] { to.complete(); }), HasSubstr("expected 5 bytes, received 4"));
}

TEST(ToFile, ChecksTheDigestOfAResumedBlob) {
  const std::string digest = cat("sha256:", sha256_hex("hello world"));
  const FileWant want{.name = digest, .have = 5, .size = 11, .digest = digest};
  Target good("hello"), bad("jello");
  for (Target* target : {&good, &bad}) {
    ToFile to = target->make(want);
    EXPECT_THAT(to.headers(), ElementsAre("Range: bytes=5-"));
    ASSERT_TRUE(to.begin(answer(206, {{"content-range", "bytes 5-10/11"}})));
    to.bytes(" world");
    EXPECT_THAT(failure([&] { to.complete(); }), target == &good ? HasSubstr("no error") : HasSubstr(digest));
  }
}

TEST(ToFile, StopsABlobAtItsSize) {
  Target target;
  ToFile to = target.make({.name = "sha256:x", .size = 2, .digest = cat("sha256:", sha256_hex("ab"))});
  (void)to.headers();
  ASSERT_TRUE(to.begin(answer(200)));
  EXPECT_THAT(failure([&] { to.bytes("abc"); }), HasSubstr("sha256:x: expected 2 bytes, received more"));
}

TEST(ToMemory, HasALimit) {
  ToMemory to(3, {});
  ASSERT_TRUE(to.begin(answer(200)));
  to.bytes("abc");
  EXPECT_THAT(failure([&] { to.bytes("d"); }), HasSubstr("more than 3 bytes"));
  EXPECT_EQ(to.text(), "abc");
}

}  // namespace
}  // namespace rkt::fetch
