// SPDX-License-Identifier: Apache-2.0
// librnp behind types that own their handles and throw: the only place that calls it.
#pragma once

#include <rnp/rnp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/scope.h"

namespace rkt::verify::rnp {

enum class Form { binary, armored };

/// A key of a ring; empty when it was not found. Lives as long as the ring.
class Key {
 public:
  Key() = default;
  explicit Key(rnp_key_handle_t handle) : handle_(handle) {}
  explicit operator bool() const noexcept { return handle_ != nullptr; }

  bool is_primary() const;
  bool valid() const;  ///< self-signatures, binding, expiry and revocation
  bool expired() const;
  bool revoked() const;
  bool may_sign() const;
  std::string fingerprint() const;          ///< lower-case hex
  std::string primary_fingerprint() const;  ///< its own for a primary key; "" for a subkey without one
  std::vector<std::string> subkeys() const;
  std::vector<std::string> revocations() const;  ///< fingerprints, of a primary key and its subkeys, that are revoked
  /// User ids that the key itself certified and did not revoke, printable; no more and no longer than protocol.h
  /// allows.
  std::vector<std::string> identities() const;
  std::string exported(Form form) const;  ///< public, with subkeys

 private:
  Owned<rnp_key_handle_t, rnp_key_handle_destroy> handle_;
};

class Ring {
 public:
  Ring();
  /// Binary public keys. Parts that librnp does not know are skipped.
  void load(std::string_view packets) const;
  std::vector<std::string> primaries() const;  ///< fingerprints of version 4 keys, in file order
  Key find_fingerprint(const std::string& fingerprint) const { return find("fingerprint", fingerprint); }
  Key find_key_id(const std::string& key_id) const { return find("keyid", key_id); }
  rnp_ffi_t get() const noexcept { return ffi_.get(); }

 private:
  Key find(const char* kind, const std::string& id) const;
  Owned<rnp_ffi_t, rnp_ffi_destroy> ffi_;
};

enum class Status { good, expired, bad };

/// One pass over the data (nullopt: no bytes at all) for all signatures in `packets` (binary).
class Verification {
 public:
  Verification(const Ring& ring, std::optional<int> data, std::string_view packets);
  /// A signed message: its content is inside. At most `limit` bytes of it; a longer one has no good signature.
  static Verification of_message(const Ring& ring, std::string_view message, std::size_t limit);
  const std::string& content() const noexcept { return content_; }
  std::size_t count() const;
  std::string key_id(std::size_t index) const;  ///< of the issuer, as that signature names it
  bool expired_at(std::size_t index, std::uint64_t now) const;
  Status status(std::size_t index) const;
  Key key(std::size_t index) const;  ///< that signature's issuer, when it is in the ring

 private:
  Verification() = default;
  rnp_op_verify_signature_t at(std::size_t index) const;
  std::string content_;
  Owned<rnp_op_verify_t, rnp_op_verify_destroy> op_;
};

}  // namespace rkt::verify::rnp
