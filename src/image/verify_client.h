// SPDX-License-Identifier: Apache-2.0
// rkt's side of libexec/rkt/verify: OpenPGP in a process without network and privileges. It answers which key signed; whether
// that key counts for an image name is the key store's decision (src/keystore), made by rkt itself.
#pragma once

#include <string>
#include <vector>

namespace rkt::image {

struct KeyInfo {
  std::string fingerprint;                ///< of the primary key, 40 lower-case hex digits (v4) or 64 (v6)
  std::vector<std::string> subkeys;       ///< fingerprints
  std::vector<std::string> identities;    ///< user ids, control characters replaced
};
/// Every public key in an armored or binary key file. Throws Errc::invalid when there is none.
std::vector<KeyInfo> inspect_keys(const std::string& key_bytes);

struct Verdict {
  bool good = false;
  std::string fingerprint;                ///< primary key that signed; the issuer's key id when `good` is false and it is unknown
  std::vector<std::string> identities;
  enum class Why { ok, unknown_issuer, bad_signature, expired_key, revoked_key, expired_signature, no_signature } why = Why::ok;
};
/// Verifies a detached signature (armored or binary) over `data` (borrowed descriptor, read from its start) with `keys`
/// (the bytes of each trusted key file). Never throws for a bad signature: that is a verdict.
Verdict verify_detached(int data, const std::string& signature, const std::vector<std::string>& keys);

/// Looks only at the signature: is its issuer one of these keys? For refusing before a download starts.
Verdict check_issuer(const std::string& signature, const std::vector<std::string>& keys);

}  // namespace rkt::image
