// SPDX-License-Identifier: Apache-2.0
#include "worker/metadata/signer.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/error.h"
#include "sys/file.h"

namespace rkt::metadata {

Signer::Signer() { fill_random(key_); }

std::string Signer::sign(const Uuid& pod, std::string_view content) const {
  std::string message(pod.bytes().begin(), pod.bytes().end());
  message += content;
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  if (::HMAC(EVP_sha512(), key_.data(), static_cast<int>(key_.size()),
             reinterpret_cast<const unsigned char*>(message.data()), message.size(),
             reinterpret_cast<unsigned char*>(out.data()), &length) == nullptr)
    throw Error(Errc::bug, "HMAC-SHA-512 is not available");
  out.resize(length);
  return out;
}

bool Signer::verify(const Uuid& pod, std::string_view content, std::string_view signature) const {
  const std::string right = sign(pod, content);
  return signature.size() == right.size() && ::CRYPTO_memcmp(signature.data(), right.data(), right.size()) == 0;
}

}  // namespace rkt::metadata
