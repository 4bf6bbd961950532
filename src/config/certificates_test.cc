// SPDX-License-Identifier: Apache-2.0
#include "config/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"
#include "tests/support/error_text.h"

namespace rkt::config {
namespace {

using rkt::test::error_text;
using testing::HasSubstr;

std::string pem(std::string_view what) { return cat("-----BEGIN ", what, "-----\n"); }

class CertificateDirectory : public testing::Test {
 protected:
  void put(const std::string& directory, const std::string& name, const std::string& text) {
    write_file(make_dirs(cat(tmp_.path(), "/", directory)), name, text, 0600);
  }
  Certificates load(const std::string& host = "r.io:5000") {
    return load_certificates({tmp_.path() + "/one", tmp_.path() + "/two"}, host);
  }
  TempDir tmp_;
};

TEST_F(CertificateDirectory, MayBeMissing) { EXPECT_TRUE(load().empty()); }

TEST_F(CertificateDirectory, HasAuthoritiesAndAClient) {
  put("two/r.io:5000", "a.crt", pem("A"));
  put("two/r.io:5000", "b.crt", pem("B"));
  put("two/r.io:5000", "me.cert", pem("C"));
  put("two/r.io:5000", "me.key", pem("K"));
  put("two/r.io:5000", "README", "nothing");
  const Certificates c = load();
  EXPECT_EQ(c.authorities, pem("A") + pem("B"));
  EXPECT_EQ(c.client, pem("C"));
  EXPECT_EQ(c.key, pem("K"));
  EXPECT_TRUE(load("r.io").empty());
  EXPECT_TRUE(load("..").empty());
}

TEST_F(CertificateDirectory, TheFirstOneCounts) {
  put("two/r.io:5000", "a.crt", pem("two"));
  put("one/r.io:5000", "a.crt", pem("one"));
  EXPECT_EQ(load().authorities, pem("one"));
}

TEST_F(CertificateDirectory, NamesWhatIsBroken) {
  put("one/r.io:5000", "a.crt", "text");
  EXPECT_THAT(error_text([&] { load(); }), HasSubstr("/one/r.io:5000/a.crt: no PEM block in it"));
  put("one/k", "me.key", pem("K"));
  EXPECT_THAT(error_text([&] { load("k"); }), HasSubstr("/one/k/me.key: the certificate me.cert is missing beside it"));
  put("one/c", "me.cert", pem("C"));
  EXPECT_THAT(error_text([&] { load("c"); }), HasSubstr("/one/c/me.cert: the key me.key is missing beside it"));
}

}  // namespace
}  // namespace rkt::config
