// SPDX-License-Identifier: Apache-2.0
#include "worker/verify/plain.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/scope.h"
#include "base/strings.h"
#include "sys/digest.h"

namespace rkt::verify {
namespace {

constexpr std::string_view kBegin = "-----BEGIN PUBLIC KEY-----", kEnd = "-----END PUBLIC KEY-----";
constexpr std::string_view kOpenPgp = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
constexpr int kMinRsaBits = 2048, kMaxRsaBits = 16384;

using PublicKey = Owned<EVP_PKEY, &EVP_PKEY_free>;
using MemoryBio = Owned<BIO, &BIO_free>;
using DigestContext = Owned<EVP_MD_CTX, &EVP_MD_CTX_free>;

PublicKey parse_pem(std::string_view text) {
  if (text.size() > kMaxKeyFileBytes) return nullptr;
  const MemoryBio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) throw Error(Errc::system, "out of memory");
  return PublicKey(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
}

std::string der_of(const PublicKey& key) {
  unsigned char* raw = nullptr;
  const int size = i2d_PUBKEY(key.get(), &raw);
  if (size <= 0) throw Error(Errc::invalid, "a public key that cannot be encoded");
  std::string out(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
  OPENSSL_free(raw);
  return out;
}

std::string pem_of(const PublicKey& key) {
  const MemoryBio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PUBKEY(bio.get(), key.get()) != 1) throw Error(Errc::system, "encode a public key");
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string name_of(const PublicKey& key) { return cat("sha256:", sha256_hex(der_of(key))); }

// What the key is, for a person; "" for a kind that is not accepted.
std::string kind_of_key(const PublicKey& key) {
  const int type = EVP_PKEY_get_base_id(key.get()), bits = EVP_PKEY_get_bits(key.get());
  if (type == EVP_PKEY_ED25519) return "Ed25519";
  if (type == EVP_PKEY_RSA && bits >= kMinRsaBits && bits <= kMaxRsaBits) return cat("RSA ", bits);
  if (type != EVP_PKEY_EC) return {};
  char group[64] = "";
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key.get(), group, sizeof group, &size) != 1) return {};
  const std::string_view name(group, size);
  if (name == "prime256v1") return "ECDSA P-256";
  if (name == "secp384r1") return "ECDSA P-384";
  if (name == "secp521r1") return "ECDSA P-521";
  return {};
}

bool check_once(const PublicKey& key, const EVP_MD* digest, bool pss, std::string_view data,
                std::string_view signature) {
  const DigestContext context(EVP_MD_CTX_new());
  if (!context) throw Error(Errc::system, "out of memory");
  EVP_PKEY_CTX* inner = nullptr;  // belongs to context
  if (EVP_DigestVerifyInit(context.get(), &inner, digest, nullptr, key.get()) != 1) return false;
  if (pss && (EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING) != 1 ||
              EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, RSA_PSS_SALTLEN_AUTO) != 1))
    return false;
  return EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                          reinterpret_cast<const unsigned char*>(data.data()), data.size()) == 1;
}

bool made_by(const PublicKey& key, std::string_view data, std::string_view signature) {
  const std::string kind = kind_of_key(key);
  if (kind.empty()) return false;
  if (kind == "Ed25519") return check_once(key, nullptr, false, data, signature);
  if (kind.starts_with("RSA"))
    return check_once(key, EVP_sha256(), false, data, signature) ||
           check_once(key, EVP_sha256(), true, data, signature);
  if (check_once(key, EVP_sha256(), false, data, signature)) return true;
  if (kind == "ECDSA P-384") return check_once(key, EVP_sha384(), false, data, signature);
  return kind == "ECDSA P-521" && check_once(key, EVP_sha512(), false, data, signature);
}

}  // namespace

bool is_pem_key_file(std::string_view bytes) noexcept { return bytes.find(kBegin) != std::string_view::npos; }

KeyFacts inspect_pem(std::string_view key_file) {
  const auto begin = key_file.find(kBegin);
  const auto end = key_file.find(kEnd, begin == std::string_view::npos ? 0 : begin);
  if (begin == std::string_view::npos || end == std::string_view::npos)
    throw Error(Errc::invalid, "no PEM public key found");
  if (key_file.find(kBegin, begin + 1) != std::string_view::npos)
    throw Error(Errc::invalid, "several PEM public keys in one file").hint("give each a file of its own");
  if (key_file.find(kOpenPgp) != std::string_view::npos)
    throw Error(Errc::invalid, "an OpenPGP key and a PEM public key in one file").hint("give each a file of its own");
  const PublicKey key = parse_pem(key_file.substr(begin, end + kEnd.size() - begin));
  if (!key) throw Error(Errc::invalid, "the PEM public key cannot be read");
  const std::string kind = kind_of_key(key);
  if (kind.empty())
    throw Error(Errc::invalid, "a public key of a kind that is not accepted")
        .hint("accepted are ECDSA P-256, P-384 and P-521, Ed25519, and RSA of at least 2048 bits");
  return {.fingerprint = name_of(key), .subkeys = {}, .revoked = {}, .identities = {kind}, .armored = pem_of(key)};
}

Result verify_plain(std::string_view data, std::string_view signature, const std::vector<RingFile>& ring) {
  Result result;
  result.why = signature.empty() ? Why::no_signature : Why::unknown_issuer;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const PublicKey key = parse_pem(ring[i].bytes);
    const std::string name = key ? name_of(key) : std::string{};
    if (name != ring[i].name) {
      result.unusable.push_back({.index = i, .found = name});
    } else if (result.why != Why::ok && made_by(key, data, signature)) {
      result.why = Why::ok;
      result.fingerprint = name;
      result.identities = {kind_of_key(key)};
    }
  }
  return result;
}

}  // namespace rkt::verify
