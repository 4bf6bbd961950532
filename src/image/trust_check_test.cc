// SPDX-License-Identifier: Apache-2.0
#include "image/trust_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::image {
namespace {

using testing::HasSubstr;

const std::string kFingerprint(40, 'a');

class StandingTest : public testing::Test {
 protected:
  StandingTest() : keys_(tmp_.path() + "/system", tmp_.path() + "/local") {
    record_.name = "example.com/a";
    record_.key = cat("sha512-", std::string(64, 'b'));
  }
  void trust(const std::string& prefix) {
    make_dirs(cat(tmp_.path(), "/local/trustedkeys/prefix.d/", prefix));
    write_file(tmp_.dir(), cat("local/trustedkeys/prefix.d/", prefix, "/", kFingerprint), "key", 0644);
  }
  Standing standing(bool insecure = false) {
    Insecure options;
    options.image = insecure;
    return TrustCheck(&keys_, options).standing(record_);
  }
  TempDir tmp_;
  keystore::Keystore keys_;
  store::ImageRecord record_;
};

TEST_F(StandingTest, AnUnverifiedImageIsOnlyAcceptedWithVerificationOff) {
  EXPECT_EQ(standing(), Standing::unverified);
  EXPECT_EQ(standing(true), Standing::accepted);
  EXPECT_THAT(TrustCheck(&keys_, {}).refusal_of(record_).brief(),
              testing::AllOf(HasSubstr("example.com/a"), HasSubstr("without verification"),
                             HasSubstr("--insecure-options=image")));
}

TEST_F(StandingTest, AVerifiedImageIsAcceptedWhileItsKeyIsTrustedForItsName) {
  record_.signed_by = kFingerprint;
  EXPECT_EQ(standing(), Standing::revoked);
  trust("example.com/other");
  EXPECT_EQ(standing(), Standing::revoked);
  EXPECT_THAT(TrustCheck(&keys_, {}).refusal_of(record_).brief(),
              testing::AllOf(HasSubstr(kFingerprint), HasSubstr("rkt trust --prefix example.com/a")));
  trust("example.com/a");
  EXPECT_EQ(standing(), Standing::accepted);
}

TEST(TrustCheck, NeedsAKeyStoreUnlessVerificationIsOff) {
  EXPECT_THROW(TrustCheck(nullptr, {}), Error);
  Insecure off;
  off.image = true;
  EXPECT_FALSE(TrustCheck(nullptr, off).required());
}

std::string mismatch(const std::string& name, const std::map<std::string, std::string>& labels) {
  appc::ImageManifest m;
  m.name = "example.com/a";
  m.labels = {{"version", "1"}, {"os", "linux"}};
  try {
    check_identity(m, name, labels);
  } catch (const Error& e) {
    return e.brief();
  }
  return "same";
}

TEST(CheckIdentity, ComparesTheNameAndEveryRequestedLabel) {
  EXPECT_EQ(mismatch("example.com/a", {{"version", "1"}}), "same");
  EXPECT_EQ(mismatch("example.com/b", {}),
            "error when reading the app name: \"example.com/b\" expected but \"example.com/a\" found");
  EXPECT_EQ(mismatch("example.com/a", {{"version", "2"}}),
            "requested value for label \"version\": \"2\" differs from fetched aci label value: \"1\"");
  EXPECT_EQ(mismatch("example.com/a", {{"arch", "amd64"}}),
            "requested label \"arch\" not provided by the image manifest");
}

}  // namespace
}  // namespace rkt::image
