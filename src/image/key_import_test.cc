// SPDX-License-Identifier: Apache-2.0
#include "image/key_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "tests/support/error_text.h"

namespace rkt::image {
namespace {

using test::error_text;

using testing::HasSubstr;

TEST(Review, GroupsAFingerprintWithAGapInTheMiddle) {
  EXPECT_EQ(grouped_fingerprint("0123456789abcdef0123456789abcdef01234567"),
            "0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567");
}

TEST(Review, ShowsEveryKeyWithSubkeysAndIdentities) {
  const std::string a(40, 'a'), b(40, 'b'), c(40, 'c');
  EXPECT_EQ(review_text({{.fingerprint = a, .subkeys = {b}, .identities = {"One <1@x>", "Two"}}, {.fingerprint = c}}),
            "gpg key fingerprint is: AAAA AAAA AAAA AAAA AAAA  AAAA AAAA AAAA AAAA AAAA\n"
            "    Subkey fingerprint: BBBB BBBB BBBB BBBB BBBB  BBBB BBBB BBBB BBBB BBBB\n"
            "\tOne <1@x>\n\tTwo\n"
            "gpg key fingerprint is: CCCC CCCC CCCC CCCC CCCC  CCCC CCCC CCCC CCCC CCCC\n");
}

TEST(Review, ShowsAPlainKeyAsItIsCalled) {
  const std::string name = "sha256:" + std::string(64, 'a');
  EXPECT_EQ(review_text({{.fingerprint = name, .subkeys = {}, .identities = {"Ed25519"}}}),
            "key fingerprint is: " + name + "\n\tEd25519\n");
}

TEST(NamePrefix, OfDockersSpellingIsTheNameInTheStore) {
  EXPECT_EQ(name_prefix("127.0.0.1:5000/team/x"), "127.0.0.1_5000/team/x");
  EXPECT_EQ(name_prefix("docker.io/library/redis"), "registry-1.docker.io/library/redis");
  EXPECT_EQ(name_prefix("index.docker.io"), "registry-1.docker.io");
  EXPECT_EQ(name_prefix("example.com/App"), "example.com/App");
  EXPECT_EQ(name_prefix("Reg.Example/team/app"), "reg.example/team/app");
  EXPECT_EQ(name_prefix("Docker.io/library/redis"), "registry-1.docker.io/library/redis");
  EXPECT_EQ(name_prefix("docker.iox/a"), "docker.iox/a");
  EXPECT_EQ(name_prefix(""), "");
}

TEST(NamePrefix, IsANameWithoutTagAndDigest) {
  EXPECT_EQ(name_prefix("127.0.0.1:5000"), "127.0.0.1_5000");
  for (const char* text : {"redis:1.0", "redis@sha256:0", "127.0.0.1:5000/a:1", "docker.io/library/redis:7"})
    EXPECT_EQ(
        error_text([&] { name_prefix(text); }),
        cat("--prefix ", quoted(text),
            " names one version of an image; a key is trusted for all versions: leave out what follows the name"));
}

TEST(NamePrefix, ThatWouldHaveToBeChangedIsRefused) {
  for (const char* text :
       {"127.0.0.1:5000/team/*", "r.example:5000/team/", "r.example:5000/", "r.example:5000//a", "r.example:5000/A",
        "r.example:5000/a?b", "*.example.com:5000", ":5000/a", "h:/a", "h:99999/a"})
    EXPECT_EQ(error_text([&] { name_prefix(text); }),
              cat("--prefix ", quoted(text),
                  " is no name of a registry or of what is in it; a prefix covers what is "
                  "below it, has no slash at its end and no wildcards"));
  EXPECT_EQ(name_prefix("localhost:5000/a__b/c-d"), "localhost_5000/a__b/c-d");
  EXPECT_EQ(name_prefix("[::1]:5000/a"), "1__5000/a");
}

TEST(Source, IsAFileUnlessThereIsAScheme) {
  EXPECT_EQ(source_of("key.asc", false), Source::file);
  EXPECT_EQ(source_of("/a:b/key", false), Source::file);
  EXPECT_EQ(source_of("HTTPS://x/key", false), Source::https);
  EXPECT_EQ(source_of("http://x/key", true), Source::http);
}

TEST(Source, RefusesHttpUnlessAllowedAndOtherSchemes) {
  EXPECT_THROW(
      {
        try {
          source_of("http://x/key", false);
        } catch (const Error& e) {
          EXPECT_EQ(e.brief(), "--insecure-allow-http required for http URLs");
          throw;
        }
      },
      Error);
  EXPECT_THROW(source_of("file:///key", true), Error);
  EXPECT_THROW(source_of("ftp://x/key", true), Error);
}

TEST(Source, OfAKeyThatAPageNamesIsNeverAFileOfThisMachine) {
  check_discovered("https://x/key", "example.com/app");
  check_discovered("HTTP://x/key", "example.com/app");
  for (const char* bad : {"/etc/key", "key.asc", "", "file:///key", "ftp://x/key", "x:/y"})
    EXPECT_THROW(check_discovered(bad, "example.com/app"), Error) << bad;
}

// Runs ask() with these answers; `said` collects what was printed.
bool ask_with(std::vector<std::string> answers, std::string& said) {
  std::size_t next = 0;
  return ask([&](std::string_view text) { said += text; },
             [&]() -> std::optional<std::string> {
               if (next == answers.size()) return std::nullopt;
               return answers[next++];
             });
}

TEST(Ask, AcceptsExactlyYesOrNoAndRepeatsOtherwise) {
  std::string said;
  EXPECT_TRUE(ask_with({"yes"}, said));
  EXPECT_EQ(said, "Are you sure you want to trust this key (yes/no)?\n");
  said.clear();
  EXPECT_FALSE(ask_with({"y", "YES", "", "no"}, said));
  EXPECT_THAT(said, HasSubstr("(yes/no)?\nPlease enter 'yes' or 'no'\nAre you sure"));
}

TEST(Ask, NeverTakesTheEndOfInputForAnAnswer) {
  std::string said;
  EXPECT_THROW(ask_with({"maybe"}, said), Error);
}

}  // namespace
}  // namespace rkt::image
