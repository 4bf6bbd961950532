// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/types.h"

#include <gtest/gtest.h>

#include "tests/support/error_text.h"

namespace rkt::appc {
namespace {

using rkt::test::error_text;

TEST(AcIdentifier, TakesSeparatorsInsideAndEvenRepeated) {
  for (const char* good : {"a", "0", "coreos.com/rkt/stage1-native", "a//b", "a..b", "a-._~/b"})
    EXPECT_EQ(AcIdentifier::parse(good).str(), good);
}

TEST(AcIdentifier, RefusesWithTheTextsOfTheReference) {
  EXPECT_EQ(error_text([] { AcIdentifier::parse(""); }), "ACIdentifier cannot be empty");
  for (const char* bad : {"/a", "a/", "-", "a."})
    EXPECT_EQ(error_text([&] { AcIdentifier::parse(bad); }),
              "ACIdentifier must start and end with only lower case alphanumeric characters");
  for (const char* bad : {"A", "a+b", "a b", "a:b", "\xc3\xa4"})
    EXPECT_EQ(error_text([&] { AcIdentifier::parse(bad); }),
              "ACIdentifier must contain only lower case alphanumeric characters plus \"-._~/\"");
}

TEST(AcIdentifier, SanitisingLowersReplacesAndStripsTheEdges) {
  EXPECT_EQ(AcIdentifier::sanitize("127.0.0.1:5001/Foo/bar").str(), "127.0.0.1_5001/foo/bar");
  EXPECT_EQ(AcIdentifier::sanitize("//x//").str(), "x");
  EXPECT_EQ(error_text([] { AcIdentifier::sanitize("~~"); }), "must contain at least one valid character");
}

TEST(AcName, IsNarrowerThanAnIdentifier) {
  EXPECT_EQ(AcName::parse("a--b").str(), "a--b");
  EXPECT_EQ(error_text([] { AcName::parse(""); }), "ACName cannot be empty");
  EXPECT_EQ(error_text([] { AcName::parse("a.b"); }),
            "ACName must contain only lower case alphanumeric characters plus \"-\"");
  EXPECT_EQ(error_text([] { AcName::parse("a-"); }),
            "ACName must start and end with only lower case alphanumeric characters");
}

TEST(AcName, OfAnAppIsTheLastComponentOfTheImageName) {
  EXPECT_EQ(AcName::from_image_name("example.com/a/My_App").str(), "my-app");
  EXPECT_EQ(AcName::from_image_name("busybox").str(), "busybox");
}

TEST(ImageId, NeedsTwoPartsOfWhichTheFirstIsSha512) {
  EXPECT_EQ(ImageId::parse("sha512-ab")->str(), "sha512-ab");
  for (const char* bad : {"", "sha512", "sha512-", "sha256-ab", "sha512-a-b"}) EXPECT_FALSE(ImageId::parse(bad)) << bad;
}

TEST(ImageId, ShowsItsShortForms) {
  const ImageId id = ImageId::from_digest(std::string(128, 'a'));
  EXPECT_EQ(id.key(), "sha512-" + std::string(64, 'a'));
  EXPECT_EQ(id.short_fetch(), "sha512-" + std::string(32, 'a'));
  EXPECT_EQ(id.short_list(), "sha512-" + std::string(12, 'a'));
  EXPECT_NE(error_text([] { ImageId::from_digest("ab"); }), "");
}

TEST(EnvName, MayHoldDotsAndDashesButNotFirst) {
  for (const char* good : {"A", "_", "a.b-c", "X9"}) EXPECT_TRUE(valid_env_name(good)) << good;
  for (const char* bad : {"", "9", ".a", "a b", "a=b"}) EXPECT_FALSE(valid_env_name(bad)) << bad;
}

TEST(Runnable, NeedsLinuxAndAKnownArchitecture) {
  EXPECT_EQ(error_text([] { check_runnable({{"os", "linux"}, {"arch", "amd64"}}); }), "");
  EXPECT_EQ(error_text([] { check_runnable({{"arch", "amd64"}}); }), "missing os label in the image manifest");
  EXPECT_EQ(error_text([] { check_runnable({{"os", "linux"}}); }), "missing arch label in the image manifest");
  EXPECT_EQ(error_text([] { check_runnable({{"os", "freebsd"}, {"arch", "amd64"}}); }),
            "bad os \"freebsd\" (must be one of: [linux])");
  EXPECT_TRUE(error_text([] {
                check_runnable({{"os", "linux"}, {"arch", "vax"}});
              }).starts_with("bad arch \"vax\" for linux (must be one of: [amd64 i386 aarch64"));
}

TEST(Arch, IsTranslatedFromTheNamesOfOci) {
  EXPECT_EQ(arch_from_oci("amd64", ""), "amd64");
  EXPECT_EQ(arch_from_oci("386", ""), "i386");
  EXPECT_EQ(arch_from_oci("arm64", "v8"), "aarch64");
  EXPECT_EQ(arch_from_oci("arm", "v6"), "armv6l");
  EXPECT_EQ(arch_from_oci("arm", ""), "armv7l");
  EXPECT_EQ(arch_from_oci("mips64le", ""), std::nullopt);
}

TEST(AppString, SplitsNameVersionAndLabels) {
  const auto app = AppString::parse("example.com/app:1.0+b&c,os=linux,zone=a%b");
  EXPECT_EQ(app.name, "example.com/app");
  EXPECT_EQ(app.labels.at("version"), "1.0+b&c");
  EXPECT_EQ(app.labels.at("zone"), "a%b");
  EXPECT_EQ(AppString::parse("a,zone=z,arch=amd64,os=linux,version=1").str(), "a:1,os=linux,arch=amd64,zone=z");
}

TEST(AppString, RefusesWhatTheGrammarDoesNotAllow) {
  const auto why = [](const char* text) { return error_text([&] { AppString::parse(text); }); };
  EXPECT_EQ(why("a:1:2"), "invalid appc image string \"a:1:2\": malformed app string - colon may appear at most once");
  EXPECT_EQ(why("a,l=v:1"),
            "invalid appc image string \"a,l=v:1\": "
            "malformed app string - colon may appear only right after the app name");
  EXPECT_EQ(why("a,b"),
            "invalid appc image string \"a,b\": malformed string \"name=a,b\" - has a label without a value: b");
  EXPECT_EQ(why("a:1,version=2"),
            "invalid appc image string \"a:1,version=2\": label version with multiple values [\"1\" \"2\"]");
  EXPECT_EQ(why("a,name=b"), "invalid appc image string \"a,name=b\": invalid label name: \"name\"");
  EXPECT_EQ(why(""), "ACIdentifier cannot be empty");
}

}  // namespace
}  // namespace rkt::appc
