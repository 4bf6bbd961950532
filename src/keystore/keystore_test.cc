// SPDX-License-Identifier: Apache-2.0
#include "keystore/keystore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::keystore {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::string fpr(char digit) { return std::string(40, digit); }

class Keys : public testing::Test {
 protected:
  std::string place(const std::string& relative) { return cat(tmp_.path(), "/", relative); }
  // A key file (or a mask: no bytes), say "local/prefix.d/a.com" and '1'.
  void put(const std::string& scope_and_dir, char digit, std::string_view bytes) {
    put_file(scope_and_dir, fpr(digit), bytes);
  }
  void put_file(const std::string& scope_and_dir, const std::string& name, std::string_view bytes) {
    const auto slash = scope_and_dir.find('/');
    const std::string dir = cat(scope_and_dir.substr(0, slash), "/trustedkeys", scope_and_dir.substr(slash));
    write_file(make_dirs(place(dir)), name, bytes, 0644);
  }
  std::vector<std::string> ring(const std::string& name) {
    std::vector<std::string> out;
    for (const auto& key : keys_.ring_for(name)) {
      EXPECT_EQ(key.path.substr(key.path.find_last_of('/') + 1), key.fingerprint);
      out.push_back(key.bytes);
    }
    return out;
  }
  TempDir tmp_;
  Keystore keys_{place("system"), place("local"), place("builtin")};
};

TEST_F(Keys, AreNoneWithoutDirectories) {
  EXPECT_THAT(ring("a.com/x"), IsEmpty());
  EXPECT_FALSE(keys_.has_prefix_keys("a.com/x"));
}

TEST_F(Keys, CountForEveryNameInRootAndForWholePrefixesBelowPrefix) {
  put("local/root.d", '1', "root");
  put("local/prefix.d/a.com", '2', "a");
  put("system/prefix.d/a.com/foo", '3', "a/foo");
  put("builtin/prefix.d/a.com/foo/deep", '4', "a/foo/deep");
  EXPECT_THAT(ring("a.com/foo"), ElementsAre("root", "a", "a/foo"));
  EXPECT_THAT(ring("a.com/foo/deep"), ElementsAre("root", "a", "a/foo", "a/foo/deep"));
  EXPECT_THAT(ring("a.com/foobar"), ElementsAre("root", "a"));
  EXPECT_THAT(ring("a.co"), ElementsAre("root"));
  EXPECT_THAT(ring("a.com.evil.org"), ElementsAre("root"));
}

TEST_F(Keys, AreReplacedByLaterDirectories) {
  put("builtin/root.d", '1', "builtin");
  put("system/root.d", '1', "system");
  EXPECT_THAT(ring("a.com"), ElementsAre("system"));
  put("local/root.d", '1', "local");
  EXPECT_THAT(ring("a.com"), ElementsAre("local"));
  put("builtin/prefix.d/a.com", '1', "prefix");
  EXPECT_THAT(ring("a.com"), ElementsAre("prefix"));
}

TEST_F(Keys, AreMaskedByAnEmptyFileInALaterDirectoryOnly) {
  put("system/root.d", '1', "vendor");
  put("local/root.d", '1', "");
  EXPECT_THAT(ring("a.com"), IsEmpty());
  put("system/prefix.d/a.com", '1', "vendor prefix");
  EXPECT_THAT(ring("a.com"), ElementsAre("vendor prefix"));
  put("local/prefix.d/a.com", '1', "");
  EXPECT_THAT(ring("a.com"), IsEmpty());
  put("system/root.d", '2', "");
  put("local/root.d", '2', "local");
  EXPECT_THAT(ring("a.com"), ElementsAre("local"));
}

TEST_F(Keys, AreMaskedForALongerPrefixWhateverTheFingerprintSortsLike) {
  for (const char digit : {'0', 'f'}) {
    put("local/prefix.d/a.com", digit, "key");
    put("local/prefix.d/a.com/b", digit, "");
  }
  EXPECT_THAT(ring("a.com/b"), IsEmpty());
  EXPECT_THAT(ring("a.com/c"), ElementsAre("key", "key"));
}

TEST_F(Keys, AreMaskedByALinkToDevNull) {
  put("system/root.d", '1', "vendor");
  make_dirs(place("local/trustedkeys/root.d"));
  ASSERT_EQ(::symlink("/dev/null", place(cat("local/trustedkeys/root.d/", fpr('1'))).c_str()), 0);
  EXPECT_THAT(ring("a.com"), IsEmpty());
}

TEST_F(Keys, SurviveStrayFilesWhichAreNamed) {
  put("local/root.d", '1', "key");
  put_file("local/root.d", "README", "text");
  put_file("local/root.d", std::string(40, 'A'), "upper case");
  put_file("local/root.d", fpr('2') + ".bak", "key");
  put_file("local/root.d", ".hidden", "text");
  ASSERT_EQ(::mkfifo(place(cat("local/trustedkeys/root.d/", fpr('3'))).c_str(), 0600), 0);
  ASSERT_EQ(::symlink("nowhere", place(cat("local/trustedkeys/root.d/", fpr('4'))).c_str()), 0);
  testing::internal::CaptureStderr();
  const auto found = ring("a.com");
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(found, ElementsAre("key"));
  EXPECT_THAT(said, HasSubstr("/local/trustedkeys/root.d/README\""));
  EXPECT_THAT(said, HasSubstr(fpr('4')));
  EXPECT_THAT(said, Not(HasSubstr("hidden")));
}

TEST_F(Keys, TooLargeToBeKeysAreSkippedAndDoNotLeaveAnOlderOneInForce) {
  put("system/root.d", '1', "old");
  put("local/root.d", '1', std::string((std::size_t{1} << 20) + 1, 'x'));
  put("local/root.d", '2', "key");
  EXPECT_THAT(ring("a.com"), ElementsAre("key"));
}

TEST_F(Keys, AreFoundThroughLinkedFilesAndDirectories) {
  put("elsewhere/keys", '1', "one");
  put("elsewhere/keys", '2', "two");
  make_dirs(place("local/trustedkeys/prefix.d/a.com"));
  ASSERT_EQ(::symlink(place("elsewhere/trustedkeys/keys").c_str(), place("local/trustedkeys/root.d").c_str()), 0);
  ASSERT_EQ(
      ::symlink(place("elsewhere/trustedkeys/keys").c_str(), place("local/trustedkeys/prefix.d/a.com/linked").c_str()),
      0);
  EXPECT_THAT(ring("b.com"), ElementsAre("one", "two"));
  EXPECT_THAT(ring("a.com"), ElementsAre("one", "two"));
}

TEST_F(Keys, IgnoreNameComponentsThatWouldLeaveTheDirectory) {
  put("local/root.d", '1', "root");
  put("local/prefix.d/a.com", '2', "a");
  for (const char* name : {"../prefix.d/a.com", "x/../a.com", "", "/a.com", "./a.com"})
    EXPECT_THAT(ring(name), ElementsAre("root")) << name;
  EXPECT_THAT(ring("a.com/../../root.d"), ElementsAre("root", "a"));
}

TEST_F(Keys, BelowAPrefixOfTheNamePreventDiscoveryUnlessTheyAreMasks) {
  put("local/root.d", '1', "root");
  put("local/prefix.d/a.com/foobar", '2', "other");
  put("local/prefix.d/a.com", '3', "");
  EXPECT_FALSE(keys_.has_prefix_keys("a.com/foo"));
  put("system/prefix.d/a.com", '4', "key");
  EXPECT_TRUE(keys_.has_prefix_keys("a.com/foo"));
  EXPECT_TRUE(keys_.has_prefix_keys("a.com"));
}

TEST_F(Keys, AreAddedWithTheModesOfTheReferenceWhateverTheUmask) {
  const mode_t old = ::umask(077);
  const ScopeExit restore([old] { ::umask(old); });
  EXPECT_EQ(keys_.add("", fpr('1'), "root"), place(cat("local/trustedkeys/root.d/", fpr('1'))));
  const std::string path = keys_.add("a.com/b", fpr('2'), "prefixed");
  EXPECT_EQ(path, place(cat("local/trustedkeys/prefix.d/a.com/b/", fpr('2'))));
  struct stat st{};
  ASSERT_EQ(::stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0644U);
  for (const char* dir :
       {"local", "local/trustedkeys", "local/trustedkeys/prefix.d/a.com", "local/trustedkeys/prefix.d/a.com/b"}) {
    ASSERT_EQ(::stat(place(dir).c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0755U) << dir;
  }
  EXPECT_THAT(ring("a.com/b"), ElementsAre("root", "prefixed"));
  EXPECT_EQ(keys_.add("a.com/b", fpr('2'), "again"), path);
  EXPECT_THAT(ring("a.com/b"), ElementsAre("root", "again"));
}

TEST_F(Keys, AreNotAddedOutsideTheDirectory) {
  for (const char* prefix : {"../x", "a/../b", "/a", "a//b", "a/"})
    EXPECT_THROW(keys_.add(prefix, fpr('1'), "key"), Error) << prefix;
  EXPECT_THROW(keys_.add("a.com", "../evil", "key"), Error);
}

TEST(Fingerprint, IsFortyOrSixtyFourLowerCaseHexDigits) {
  EXPECT_TRUE(is_fingerprint(std::string(40, 'a')));
  EXPECT_TRUE(is_fingerprint(std::string(64, '0')));
  for (const auto& bad : {std::string(), std::string(40, 'A'), std::string(41, 'a'), std::string(39, 'a') + "g"})
    EXPECT_FALSE(is_fingerprint(bad));
}

TEST_F(Keys, PlainOnesLieBesideTheOthersAndAreMaskedAlike) {
  const std::string key = cat("sha256:", std::string(64, 'a')), file = cat("sha256-", std::string(64, 'a'), ".pub");
  put_file("system/root.d", file, "pem");
  put_file("local/prefix.d/r_5000", "sha256-short.pub", "stray");
  const auto found = keys_.ring_for("r_5000/x");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].fingerprint, key);
  EXPECT_FALSE(keys_.has_prefix_keys("r_5000/x"));
  put_file("local/prefix.d/r_5000", file, "");
  EXPECT_THAT(keys_.ring_for("r_5000/x"), IsEmpty());
  EXPECT_EQ(keys_.ring_for("other/x").size(), 1U);
  EXPECT_EQ(keys_.add("r_5000/x", key, "pem"), place(cat("local/trustedkeys/prefix.d/r_5000/x/", file)));
  EXPECT_EQ(keys_.ring_for("r_5000/x").size(), 1U);
}

TEST_F(Keys, OfDockerHubCountWhateverTheHubIsCalled) {
  put("local/prefix.d/registry-1.docker.io/library", '1', "hub");
  put("local/prefix.d/docker.io/library/x", '2', "by hand");
  EXPECT_THAT(ring("registry-1.docker.io/library/x"), ElementsAre("hub"));
  EXPECT_THAT(ring("docker.io/library/x"), ElementsAre("hub", "by hand"));
  EXPECT_THAT(ring("index.docker.io/library/x"), ElementsAre("hub"));
  EXPECT_THAT(ring("docker.iox/library/x"), IsEmpty());
}

TEST_F(Keys, ThatWereAddedAreFoundInTheirPlaceAlone) {
  EXPECT_FALSE(keys_.find_added("a.com", fpr('1')));
  keys_.add("a.com", fpr('1'), "key");
  EXPECT_EQ(keys_.find_added("a.com", fpr('1')).value().bytes, "key");
  EXPECT_FALSE(keys_.find_added("a.com/b", fpr('1')));
  EXPECT_FALSE(keys_.find_added("", fpr('1')));
  put("local/root.d", '1', "");
  EXPECT_FALSE(keys_.find_added("", fpr('1'))) << "a mask is no key";
}

TEST_F(Keys, AreAllFoundWhereverTheyAreTrusted) {
  put("system/root.d", '1', "root");
  put("local/prefix.d/a.com/b/c", '2', "deep");
  put("local/prefix.d/a.com", '3', "");
  std::vector<std::string> found;
  for (const auto& key : keys_.every_key()) found.push_back(key.bytes);
  EXPECT_THAT(found, UnorderedElementsAre("root", "deep"));
}

TEST(KeyFile, NamesTheKey) {
  const std::string hex(64, 'a');
  EXPECT_EQ(key_of_file(cat("sha256-", hex, ".pub")), cat("sha256:", hex));
  EXPECT_EQ(file_of_key(cat("sha256:", hex)), cat("sha256-", hex, ".pub"));
  EXPECT_EQ(key_of_file(hex), hex);
  for (const auto& bad : {cat("sha256-", hex), cat("sha256:", hex), cat(hex, ".pub"), std::string("sha256-.pub"),
                          std::string("sha256-pub"), std::string(".pub")})
    EXPECT_EQ(key_of_file(bad), "") << bad;
}

}  // namespace
}  // namespace rkt::keystore
