// SPDX-License-Identifier: Apache-2.0
#include "worker/verify/plain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::verify {
namespace {

// A key pair made by OpenSSL, and its signatures.
class Signer {
 public:
  explicit Signer(EVP_PKEY* key) : key_(key) {}
  ~Signer() { EVP_PKEY_free(key_); }
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  std::string pem() const {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, key_);
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio, &text);
    std::string out(text, static_cast<std::size_t>(size));
    BIO_free(bio);
    return out;
  }
  std::string sign(std::string_view data, const EVP_MD* digest) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    std::string out(1024, '\0');
    std::size_t size = out.size();
    EVP_DigestSignInit(context, nullptr, digest, nullptr, key_);
    EXPECT_EQ(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size,
                             reinterpret_cast<const unsigned char*>(data.data()), data.size()),
              1);
    EVP_MD_CTX_free(context);
    out.resize(size);
    return out;
  }
  RingFile file() const { return {.name = inspect_pem(pem()).fingerprint, .bytes = pem()}; }

 private:
  EVP_PKEY* key_;
};

void expect_verified(const Signer& signer, const EVP_MD* digest) {
  const std::string data = "what was signed", signature = signer.sign(data, digest);
  const Signer stranger(EVP_EC_gen("P-256"));
  const Result good = verify_plain(data, signature, {stranger.file(), signer.file()});
  EXPECT_EQ(good.why, Why::ok);
  EXPECT_EQ(good.fingerprint, signer.file().name);
  EXPECT_EQ(verify_plain("what was not signed", signature, {signer.file()}).why, Why::unknown_issuer);
  EXPECT_EQ(verify_plain(data, signature, {stranger.file()}).why, Why::unknown_issuer);
  EXPECT_EQ(verify_plain(data, signature.substr(1), {signer.file()}).why, Why::unknown_issuer);
  EXPECT_EQ(verify_plain(data, "", {signer.file()}).why, Why::no_signature);
}

TEST(PlainSignature, OfEveryAcceptedKind) {
  expect_verified(Signer(EVP_EC_gen("P-256")), EVP_sha256());
  expect_verified(Signer(EVP_EC_gen("P-384")), EVP_sha256());
  expect_verified(Signer(EVP_EC_gen("P-384")), EVP_sha384());
  expect_verified(Signer(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")), nullptr);
  expect_verified(Signer(EVP_RSA_gen(2048)), EVP_sha256());
}

TEST(PlainSignature, WithAWeakKeyOrDigestDoesNotCount) {
  const Signer small(EVP_RSA_gen(1024)), odd(EVP_EC_gen("secp256k1")), p256(EVP_EC_gen("P-256"));
  EXPECT_THROW(inspect_pem(small.pem()), Error);
  EXPECT_THROW(inspect_pem(odd.pem()), Error);
  EXPECT_EQ(verify_plain("x", p256.sign("x", EVP_sha1()), {p256.file()}).why, Why::unknown_issuer);
}

TEST(PlainSignature, KeyFileThatIsNotNamedAfterItsKeyIsLeftOut) {
  const Signer signer(EVP_EC_gen("P-256"));
  const std::string other = cat("sha256:", std::string(64, '0'));
  const Result result = verify_plain("x", signer.sign("x", EVP_sha256()), {{.name = other, .bytes = signer.pem()}});
  EXPECT_EQ(result.why, Why::unknown_issuer);
  ASSERT_EQ(result.unusable.size(), 1U);
  EXPECT_EQ(result.unusable[0].found, signer.file().name);
  EXPECT_EQ(verify_plain("x", "x", {{.name = other, .bytes = "no key"}}).unusable.size(), 1U);
}

TEST(InspectPem, TakesOneKeyWithTextAroundIt) {
  const Signer signer(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const KeyFacts facts = inspect_pem(cat("# a comment\n", signer.pem(), "\n"));
  EXPECT_EQ(facts.armored, signer.pem());
  EXPECT_THAT(facts.identities, testing::ElementsAre("Ed25519"));
  EXPECT_TRUE(is_pem_key_file(signer.pem()));
  for (const std::string& bad : {std::string(), std::string("-----BEGIN PUBLIC KEY-----\n"),
                                 std::string("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
                                 signer.pem() + signer.pem(), signer.pem() + "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"})
    EXPECT_THROW(inspect_pem(bad), Error) << bad;
}

}  // namespace
}  // namespace rkt::verify
