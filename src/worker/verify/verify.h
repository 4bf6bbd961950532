// SPDX-License-Identifier: Apache-2.0
// Detached OpenPGP signatures and key files, with librnp. What the worker's main answers with; pure but for reading
// `data`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "worker/verify/protocol.h"

namespace rkt::verify {

/// One key file of the ring. Of the keys in it only the one whose fingerprint is `name` counts.
struct RingFile {
  std::string name, bytes;
};

/// A ring file that was left out: no key in it is the one that its name says.
struct Unusable {
  std::size_t index = 0;
  std::string found;  ///< fingerprint of the first key in it, or ""
};

struct Result {
  Why why = Why::no_signature;
  std::string fingerprint;  ///< of the primary key; of an issuer that is not in the ring its key id
  std::vector<std::string> identities;
  std::vector<Unusable> unusable;
};

/// Any good signature of a key in the ring makes the result good; otherwise the failure that tells most: one of a known
/// key before that of an unknown one. Keys must be valid now: neither they nor their primary key expired or revoked.
/// Throws when `data` (borrowed, read from its start) cannot be read.
Result verify_detached(int data, std::string_view signature, const std::vector<RingFile>& ring);

/// The same without looking at data: ok means that the issuer is in the ring, may sign now, and used a digest that
/// counts.
Result check_issuer(std::string_view signature, const std::vector<RingFile>& ring);

/// A signed OpenPGP message (binary, armored or clear text): `content` is what a good result vouches for, and empty
/// otherwise.
struct MessageResult {
  Result result;
  std::string content;
};
MessageResult verify_message(std::string_view message, const std::vector<RingFile>& ring);

struct KeyFacts {
  std::string fingerprint;
  std::vector<std::string> subkeys, revoked, identities;  ///< revoked: of its own and those of subkeys
  std::string armored;
};
/// Every version 4 primary key in the file. Throws Errc::invalid when there is none.
std::vector<KeyFacts> inspect(std::string_view key_file);

}  // namespace rkt::verify
