// SPDX-License-Identifier: Apache-2.0
#include "worker/sign/sign.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/strings.h"

namespace rkt::sign {
namespace {

std::string pem_of(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string out(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

bool verifies(EVP_PKEY* key, const EVP_MD* digest, std::string_view data, const std::string& signature) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestVerifyInit(context, nullptr, digest, nullptr, key);
  const int r = EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                                 reinterpret_cast<const unsigned char*>(data.data()), data.size());
  EVP_MD_CTX_free(context);
  return r == 1;
}

TEST(Sign, MakesSignaturesOfEveryKind) {
  for (EVP_PKEY* key : {EVP_EC_gen("P-256"), EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_RSA_gen(2048)}) {
    const bool own = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
    const Signature made = sign(pem_of(key), "data");
    EXPECT_TRUE(verifies(key, own ? nullptr : EVP_sha256(), "data", made.bytes));
    EXPECT_FALSE(verifies(key, own ? nullptr : EVP_sha256(), "other", made.bytes));
    EXPECT_EQ(made.key.size(), 7U + 64U);
    EVP_PKEY_free(key);
  }
}

// SEC 1, whose last 65 bytes are the public key.
std::string sec1_of(EVP_PKEY* key) {
  unsigned char* raw = nullptr;
  const int size = i2d_PrivateKey(key, &raw);
  std::string der(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
  OPENSSL_free(raw);
  return der;
}

TEST(Sign, RefusesAKeyWithThePublicHalfOfAnother) {
  EVP_PKEY *one = EVP_EC_gen("P-256"), *two = EVP_EC_gen("P-256");
  const auto pem = [](const std::string& der) {
    return cat("-----BEGIN EC PRIVATE KEY-----\n", base64_encode(der), "\n-----END EC PRIVATE KEY-----\n");
  };
  const std::string a = sec1_of(one), b = sec1_of(two);
  EXPECT_TRUE(verifies(one, EVP_sha256(), "data", sign(pem(a), "data").bytes));
  EXPECT_THROW(sign(pem(a.substr(0, a.size() - 65) + b.substr(b.size() - 65)), "data"), Error);
  EVP_PKEY_free(one);
  EVP_PKEY_free(two);
}

TEST(Sign, RefusesWhatIsNoGoodKey) {
  EVP_PKEY* small = EVP_RSA_gen(1024);
  for (const std::string& bad : {std::string(), std::string("-----BEGIN PRIVATE KEY-----"), pem_of(small),
                                 std::string("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")})
    EXPECT_THROW(sign(bad, "data"), Error);
  EVP_PKEY_free(small);
}

}  // namespace
}  // namespace rkt::sign
