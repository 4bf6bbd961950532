// SPDX-License-Identifier: Apache-2.0
// rkt's side of libexec/rkt/verify: signatures in a process without network and privileges. It answers which key
// signed; whether that key counts for an image name is the key store's decision (src/keystore), made by rkt itself. One
// worker process a call.
//
// The worker is not trusted further than it must be: it gets the data read-only, its answer is bounded, and a
// fingerprint that was not handed in with the key ring is never a good verdict.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "keystore/keystore.h"
#include "worker/verify/protocol.h"

namespace rkt::image {

struct KeyInfo {
  std::string fingerprint;           ///< of the primary key, 40 lower-case hex digits (v4); "sha256:…" of a plain key
  std::vector<std::string> subkeys;  ///< fingerprints
  std::vector<std::string> revoked;  ///< fingerprints, of the primary key and of subkeys, that are revoked in this file
  std::vector<std::string> identities;  ///< user ids, made printable; of a plain key its kind ("ECDSA P-256")
  std::string armored;                  ///< this key alone, as a PGP PUBLIC KEY BLOCK or a PEM PUBLIC KEY
};
/// Every public key in an armored, binary or PEM key file. Throws Errc::invalid when there is none.
std::vector<KeyInfo> inspect_keys(const std::string& key_bytes);

struct Verdict {
  bool good = false;
  std::string fingerprint;  ///< primary key that signed; the issuer's key id when `good` is false and it is unknown
  std::vector<std::string> identities;
  using Why = verify::Why;  ///< ok, unknown_issuer, bad_signature, …
  Why why = Why::no_signature;
};

/// Verifies a detached signature (armored or binary) over `data` (borrowed descriptor, read from its start whatever its
/// position, which stays as it is) with the OpenPGP keys of the ring that the key store chose. Any good signature of a
/// key in the ring counts; else the verdict is the most telling failure. A key file whose name is not the fingerprint
/// of a key in it is named in a warning and not used. Never throws for a bad signature: that is a verdict.
Verdict verify_detached(int data, const std::string& signature, const std::vector<keystore::TrustedKey>& ring);

/// Verifies a raw signature over `data` with the plain keys of the ring. unknown_issuer: none of them made it, or the
/// data is not what was signed.
Verdict verify_plain(const std::string& data, const std::string& signature,
                     const std::vector<keystore::TrustedKey>& ring);

/// Verifies a signed OpenPGP message with the OpenPGP keys of the ring; `content` is what was signed, when it is good.
struct MessageVerdict {
  Verdict verdict;
  std::string content;
};
MessageVerdict verify_message(const std::string& message, const std::vector<keystore::TrustedKey>& ring);

/// Looks only at the signature: is its issuer one of these keys? For refusing before a download starts. `good` says
/// only that the issuer is known, may sign now, and used an acceptable digest.
Verdict check_issuer(const std::string& signature, const std::vector<keystore::TrustedKey>& ring);

/// The error for a verdict that is not good: Errc::untrusted with the reference's text where it has one ("openpgp:
/// signature made by unknown entity", "keystore: no valid signatures found in signature file").
Error refusal(const Verdict& verdict);

}  // namespace rkt::image
