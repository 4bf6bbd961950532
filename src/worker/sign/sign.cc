// SPDX-License-Identifier: Apache-2.0
#include "worker/sign/sign.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "base/error.h"
#include "base/scope.h"
#include "base/strings.h"
#include "sys/digest.h"

namespace rkt::sign {
namespace {

using PrivateKey = Owned<EVP_PKEY, &EVP_PKEY_free>;
using MemoryBio = Owned<BIO, &BIO_free>;
using DigestContext = Owned<EVP_MD_CTX, &EVP_MD_CTX_free>;

// There is nobody to ask for a passphrase.
int no_passphrase(char*, int, int, void*) { return -1; }

PrivateKey parse_key(std::string_view pem) {
  for (const std::string_view own : {"ENCRYPTED SIGSTORE", "ENCRYPTED COSIGN"})
    if (pem.find(own) != std::string_view::npos)
      throw Error(Errc::invalid, "the private key is encrypted in cosign's own format")
          .hint("sign with cosign, or make a key with: openssl genpkey -algorithm ed25519 -out KEY");
  if (pem.find("ENCRYPTED") != std::string_view::npos)
    throw Error(Errc::invalid, "the private key is encrypted")
        .hint("write it out without a passphrase: openssl pkey -in KEY -out PLAIN");
  const MemoryBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) throw Error(Errc::system, "out of memory");
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_passphrase, nullptr));
  if (!key)
    throw Error(Errc::invalid, "no PEM private key found")
        .hint("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY makes one");
  return key;
}

std::string public_name(const PrivateKey& key) {
  unsigned char* raw = nullptr;
  const int size = i2d_PUBKEY(key.get(), &raw);
  if (size <= 0) throw Error(Errc::invalid, "a private key without a public one");
  std::string der(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
  OPENSSL_free(raw);
  return cat("sha256:", sha256_hex(der));
}

// Only what a verifier accepts; SHA-256 but for Ed25519, which has its own.
const EVP_MD* digest_for(const PrivateKey& key) {
  const int type = EVP_PKEY_get_base_id(key.get());
  if (type == EVP_PKEY_ED25519) return nullptr;
  const bool good_rsa = type == EVP_PKEY_RSA && EVP_PKEY_get_bits(key.get()) >= 2048;
  char group[64] = "";
  std::size_t size = 0;
  const bool named = type == EVP_PKEY_EC && EVP_PKEY_get_group_name(key.get(), group, sizeof group, &size) == 1;
  const std::string_view curve(group, size);
  const bool good_curve = named && (curve == "prime256v1" || curve == "secp384r1" || curve == "secp521r1");
  if (!good_rsa && !good_curve)
    throw Error(Errc::invalid, "a private key of a kind that is not accepted")
        .hint("accepted are ECDSA P-256, P-384 and P-521, Ed25519, and RSA of at least 2048 bits");
  return EVP_sha256();
}

// A file may hold a public half of another key, and a processor may fail: nobody could use what was made then.
bool is_verified_by(const PrivateKey& key, const EVP_MD* digest, std::string_view payload, std::string_view signature) {
  const DigestContext context(EVP_MD_CTX_new());
  const auto bytes = [](std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); };
  return context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(payload), payload.size()) == 1;
}

}  // namespace

Signature sign(std::string_view private_key, std::string_view payload) {
  const PrivateKey key = parse_key(private_key);
  const EVP_MD* digest = digest_for(key);
  const DigestContext context(EVP_MD_CTX_new());
  const auto* data = reinterpret_cast<const unsigned char*>(payload.data());
  std::size_t size = 0;
  Signature out{.bytes = {}, .key = public_name(key)};
  const bool started = context && EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key.get()) == 1 &&
                       EVP_DigestSign(context.get(), nullptr, &size, data, payload.size()) == 1;
  out.bytes.resize(size);
  if (!started || EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.bytes.data()), &size, data,
                                 payload.size()) != 1)
    throw Error(Errc::system, "sign with the private key");
  out.bytes.resize(size);
  if (!is_verified_by(key, digest, payload, out.bytes))
    throw Error(Errc::invalid, "the private key does not belong to the public key that is stored with it");
  return out;
}

}  // namespace rkt::sign
