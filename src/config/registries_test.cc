// SPDX-License-Identifier: Apache-2.0
#include "config/registries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"
#include "tests/support/error_text.h"

namespace rkt::config {
namespace {

using rkt::test::error_text;
using testing::ElementsAre;
using testing::IsEmpty;

const std::string kDigest = "sha256:" + std::string(64, 'a');

Registries from(std::string_view text) {
  Registries out;
  add_registries(out, text, "r.conf");
  return out;
}
std::string refusal(std::string_view text) {
  return error_text([&] { from(text); });
}
// Where "HOST/REPO[:TAG|@DIGEST]" is pulled from: "HOST/REPO", with "!" when insecure.
std::vector<std::string> sources(const Registries& r, const std::string& host, const std::string& repository,
                                 bool by_digest = false) {
  std::vector<std::string> out;
  for (const auto& s : pull_sources(r, {.host = host,
                                        .repository = repository,
                                        .tag = by_digest ? "" : "latest",
                                        .digest = by_digest ? kDigest : ""}))
    out.push_back(cat(s.host, "/", s.repository, s.insecure ? "!" : ""));
  return out;
}

TEST(PullSources, AreTheRegistryItselfWithoutARule) {
  EXPECT_THAT(sources(from(""), "a.io", "x/y"), ElementsAre("a.io/x/y"));
  EXPECT_THAT(sources(from("[[registry]]\nlocation = \"b.io\""), "a.io", "x/y"), ElementsAre("a.io/x/y"));
}

TEST(PullSources, TryMirrorsBeforeTheRegistry) {
  const auto r = from(R"(
    [[registry]]
    prefix = "docker.io"
    location = "hub.corp/proxy/"
    [[registry.mirror]]
    location = "m1:5000"
    insecure = true
    [[registry.mirror]]
    location = "m2/cache"
  )");
  EXPECT_THAT(sources(r, "docker.io", "library/busybox"),
              ElementsAre("m1:5000/library/busybox!", "m2/cache/library/busybox", "hub.corp/proxy/library/busybox"));
}

TEST(PullSources, TheLongestPrefixDecidesAndEndsAtAComponent) {
  const auto r = from(R"(
    [[registry]]
    location = "a.io"
    [[registry]]
    prefix = "a.io/team"
    location = "b.io/x"
    [[registry]]
    prefix = "a.io/team/app:latest"
    location = "c.io/one:pinned"
    insecure = true
  )");
  EXPECT_THAT(sources(r, "a.io", "other"), ElementsAre("a.io/other"));
  EXPECT_THAT(sources(r, "a.io", "team/web"), ElementsAre("b.io/x/web"));
  EXPECT_THAT(sources(r, "a.io", "teams/web"), ElementsAre("a.io/teams/web"));
  EXPECT_THAT(sources(r, "a.io", "team"), ElementsAre("b.io/x"));
}

TEST(PullSources, WildcardsCoverSubdomains) {
  const auto r = from("[[registry]]\nprefix = \"*.corp\"\ninsecure = true\n");
  EXPECT_THAT(sources(r, "a.b.corp", "x"), ElementsAre("a.b.corp/x!"));
  EXPECT_THAT(sources(r, "corp", "x"), ElementsAre("corp/x"));
  EXPECT_THAT(sources(from("[[registry]]\nprefix = \"*.corp\"\nlocation = \"m\"\n"), "a.corp", "x"),
              ElementsAre("m/x"));
}

TEST(PullSources, MirrorsMayBeForDigestsOrTagsOnly) {
  const auto per_mirror = from(R"(
    [[registry]]
    location = "a.io"
    [[registry.mirror]]
    location = "d"
    pull-from-mirror = "digest-only"
    [[registry.mirror]]
    location = "t"
    pull-from-mirror = "tag-only"
  )");
  EXPECT_THAT(sources(per_mirror, "a.io", "x"), ElementsAre("t/x", "a.io/x"));
  EXPECT_THAT(sources(per_mirror, "a.io", "x", true), ElementsAre("d/x", "a.io/x"));
  const auto whole =
      from("[[registry]]\nlocation = \"a.io\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"m\"\n");
  EXPECT_THAT(sources(whole, "a.io", "x"), ElementsAre("a.io/x"));
  EXPECT_THAT(sources(whole, "a.io", "x", true), ElementsAre("m/x", "a.io/x"));
}

TEST(PullSources, BlockedRegistriesNameTheFile) {
  const auto r = from("[[registry]]\nlocation = \"evil.io\"\nblocked = true\n");
  EXPECT_EQ(error_text([&] { sources(r, "evil.io", "x"); }), "registry \"evil.io\" is blocked in r.conf");
}

TEST(ShortNames, MeanTheDefaultRegistryUnlessASearchListIsConfigured) {
  EXPECT_THAT(short_name_candidates(from("[aliases]\n\"app\" = \"q.io/app\"\n"), "app"), IsEmpty());
  EXPECT_THAT(short_name_candidates(from("unqualified-search-registries = []\n"), "app"), IsEmpty());
}

TEST(ShortNames, AreAliasesOrSearchedInOrder) {
  const auto r = from("unqualified-search-registries = [\"a.io\", \"b.io\"]\n[aliases]\n\"app\" = \"q.io/team/app\"\n");
  EXPECT_THAT(short_name_candidates(r, "app:1"), ElementsAre("q.io/team/app:1"));
  EXPECT_THAT(short_name_candidates(r, cat("app@", kDigest)), ElementsAre(cat("q.io/team/app@", kDigest)));
  EXPECT_THAT(short_name_candidates(r, "x/y:1"), ElementsAre("a.io/x/y:1", "b.io/x/y:1"));
}

TEST(ShortNames, EnforcingNeedsASingleRegistry) {
  const std::string_view mode = "short-name-mode = \"enforcing\"\n";
  EXPECT_THAT(short_name_candidates(from(cat(mode, "unqualified-search-registries = [\"a.io\"]")), "x"),
              ElementsAre("a.io/x"));
  EXPECT_EQ(error_text([&] {
              short_name_candidates(from(cat(mode, "unqualified-search-registries = [\"a.io\", \"b.io\"]")), "x");
            }),
            "short name \"x\" may stand for an image of 2 registries, and short-name-mode is \"enforcing\"; "
            "name the registry");
}

TEST(RegistriesFile, VersionOneIsRead) {
  const auto r = from(R"(
    [registries.search]
    registries = ["a.io"]
    [registries.insecure]
    registries = ["i.io"]
    [registries.block]
    registries = ["b.io"]
  )");
  EXPECT_THAT(r.search, ElementsAre("a.io"));
  EXPECT_THAT(sources(r, "i.io", "x"), ElementsAre("i.io/x!"));
  EXPECT_EQ(error_text([&] { sources(r, "b.io", "x"); }), "registry \"b.io\" is blocked in r.conf");
}

TEST(RegistriesFile, ErrorsNameFileAndPlace) {
  EXPECT_THAT(refusal("a = \n"), testing::StartsWith("r.conf: line 1, column "));
  EXPECT_EQ(refusal("[\x1d\x06"), "r.conf: not TOML");
  EXPECT_EQ(refusal("[[registry]]\nlocation = 5\n"), "r.conf.registry[0].location: expected string, got number");
  EXPECT_EQ(refusal("[[registry]]\n"), "r.conf.registry[0]: prefix and location are both missing");
  EXPECT_EQ(refusal("[[registry]]\nprefix = \"a.io\"\n"), "r.conf.registry[0]: location is missing");
  EXPECT_EQ(refusal("[[registry]]\nlocation = \"https://a.io\"\n"),
            "r.conf.registry[0].location: a location has no URL scheme");
  EXPECT_EQ(refusal("[[registry]]\nprefix = \"*.a/b\"\n"),
            "r.conf.registry[0]: \"*.DOMAIN\" takes no path and no port");
  EXPECT_EQ(refusal("[[registry]]\nlocation = \"a\"\n[[registry.mirror]]\ninsecure = true\n"),
            "r.conf.registry[0].mirror[0].location: missing");
  EXPECT_EQ(
      refusal("[[registry]]\nlocation = \"a\"\n[[registry.mirror]]\nlocation = \"b\"\npull-from-mirror = \"x\"\n"),
      "r.conf.registry[0].mirror[0].pull-from-mirror: unknown word \"x\"");
  EXPECT_EQ(refusal("[[registry]]\nlocation = \"a\"\n[[registry]]\nlocation = \"a\"\ninsecure = true\n"),
            "r.conf.registry[1]: registry \"a\" is there twice, with other settings");
  EXPECT_EQ(refusal("short-name-mode = \"maybe\"\n"), "r.conf.short-name-mode: unknown word \"maybe\"");
  EXPECT_EQ(refusal("unqualified-search-registries = []\n[registries.search]\nregistries = []\n"),
            "r.conf: version 1 and version 2 of the format are mixed");
}

TEST(RegistriesFile, MayNameARegistryTwiceAlike) {
  const Registries r = from(
      "[[registry]]\nlocation = \"a.io\"\ninsecure = true\n"
      "[[registry]]\nlocation = \"a.io\"\ninsecure = true\n");
  EXPECT_THAT(sources(r, "a.io", "x"), ElementsAre("a.io/x!"));
}

TEST(RegistriesFile, LaterFilesReplaceRuleByRule) {
  TempDir tmp;
  const DirFd one = make_dirs(tmp.path() + "/one.d");
  write_file(one, "10.conf", "[[registry]]\nlocation = \"a.io\"\nblocked = true\n[aliases]\nx = \"a.io/x\"\n", 0644);
  write_file(one, "20.conf", "[[registry]]\nlocation = \"a.io\"\ninsecure = true\n[aliases]\nx = \"\"\n", 0644);
  write_file(one, "30.txt", "broken", 0644);
  write_file(DirFd::open(tmp.path()), "r.conf", "unqualified-search-registries = [\"s.io\"]\n", 0644);
  ToolPlaces places;
  places.registries = tmp.path() + "/r.conf";
  places.registries_directories = {tmp.path() + "/one.d", tmp.path() + "/none.d"};
  const Registries r = load_registries(places);
  EXPECT_THAT(sources(r, "a.io", "x"), ElementsAre("a.io/x!"));
  EXPECT_THAT(r.search, ElementsAre("s.io"));
  EXPECT_THAT(r.aliases, IsEmpty());
  places.registries = tmp.path() + "/missing";
  EXPECT_THAT(load_registries(places).search, IsEmpty());
  places.registries_required = true;
  EXPECT_THAT(error_text([&] { load_registries(places); }), testing::HasSubstr("/missing"));
}

}  // namespace
}  // namespace rkt::config
