// SPDX-License-Identifier: Apache-2.0
// Order of events: the signature file is sorted out without cryptography (packets.h), each ring file is opened in a key
// ring of its own and the one key that its name promises is moved to the common ring, then librnp hashes the data once
// for all signatures. librnp judges a signature by the time it was made; whether its key is still good today is asked
// afterwards.
#include "worker/verify/verify.h"

#include <ctime>
#include <optional>

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "worker/verify/packets.h"
#include "worker/verify/rnp.h"

namespace rkt::verify {
namespace {

// More telling failures win; ok wins over all.
int rank(Why why) noexcept {
  switch (why) {
    case Why::no_signature:
      return 0;
    case Why::unknown_issuer:
      return 1;
    case Why::weak_hash:
      return 2;
    case Why::bad_signature:
    case Why::text_mode:
      return 3;
    case Why::expired_key:
      return 4;
    case Why::expired_signature:
      return 5;
    case Why::revoked_key:
      return 6;
    case Why::ok:
      return 7;
  }
  return 0;
}

void offer(Result& best, Why why, std::string fingerprint, std::vector<std::string> identities) {
  if (rank(why) <= rank(best.why)) return;
  best.why = why;
  best.fingerprint = std::move(fingerprint);
  best.identities = std::move(identities);
}

// The ring file's key, alone and binary; what was found instead when it is not there.
std::optional<std::string> promised_key(const RingFile& file, std::string& found) {
  try {
    const rnp::Ring scratch;
    scratch.load(read_key_file(file.bytes));
    for (const auto& fingerprint : scratch.primaries()) {
      if (found.empty()) found = fingerprint;
      if (fingerprint == file.name) return scratch.find_fingerprint(fingerprint).exported(rnp::Form::binary);
    }
  } catch (const Error& e) {
    if (e.code() != Errc::invalid) throw;  // a file that is no key file is left out like one with another key
  }
  return std::nullopt;
}

void load_ring(const rnp::Ring& ring, const std::vector<RingFile>& files, Result& result) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::string found;
    if (const auto key = promised_key(files[i], found))
      ring.load(*key);
    else
      result.unusable.push_back({.index = i, .found = std::move(found)});
  }
}

// Whether this key may vouch for something today.
Why judge_key(const rnp::Ring& ring, const rnp::Key& key) {
  const std::string primary = key.primary_fingerprint();
  const rnp::Key owner = ring.find_fingerprint(primary);
  if (!owner) return Why::unknown_issuer;
  if (key.revoked() || owner.revoked()) return Why::revoked_key;
  if (key.expired() || owner.expired()) return Why::expired_key;
  // Not bound to its primary key by a good signature, or not meant for signing: as if it were not there.
  if (!key.valid() || !owner.valid() || !key.may_sign()) return Why::unknown_issuer;
  return Why::ok;
}

void offer_key(Result& best, const rnp::Ring& ring, const rnp::Key& key, Why why) {
  const std::string primary = key.primary_fingerprint();
  offer(best, why, primary, ring.find_fingerprint(primary).identities());
}

rnp::Key find_issuer(const rnp::Ring& ring, const SignatureFacts& facts) {
  return facts.fingerprint.empty() ? ring.find_key_id(facts.key_id) : ring.find_fingerprint(facts.fingerprint);
}

void offer_weak(Result& best, const rnp::Ring& ring, const SignatureFile& file) {
  for (const auto& facts : file.weak) {
    if (const auto key = find_issuer(ring, facts))
      offer_key(best, ring, key, Why::weak_hash);
    else
      offer(best, Why::unknown_issuer, facts.key_id, {});
  }
}

std::uint64_t now() noexcept { return static_cast<std::uint64_t>(::time(nullptr)); }

Why judge_signature(const rnp::Ring& ring, const rnp::Key& key, rnp::Status status, const SignatureFacts& facts) {
  const Why today = judge_key(ring, key);
  if (today != Why::ok) return today;
  if (status == rnp::Status::expired || facts.expired_at(now())) return Why::expired_signature;
  if (status == rnp::Status::good) return Why::ok;
  return facts.type == 1 ? Why::text_mode : Why::bad_signature;
}

// Those that librnp can read too. It gives up on a whole file for one signature that it cannot (an unknown algorithm),
// so each is tried alone, over no data.
std::vector<SignatureFacts> readable(const rnp::Ring& ring, const std::vector<SignatureFacts>& all) {
  std::vector<SignatureFacts> out;
  for (const auto& facts : all)
    if (rnp::Verification(ring, std::nullopt, facts.packet).count() == 1) out.push_back(facts);
  return out;
}

}  // namespace

Result verify_detached(int data, std::string_view signature, const std::vector<RingFile>& files) {
  Result result;
  const SignatureFile file = read_signature_file(signature);
  const rnp::Ring ring;
  load_ring(ring, files, result);
  offer_weak(result, ring, file);
  const auto signatures = readable(ring, file.usable);
  if (signatures.empty()) return result;
  std::string packets;
  for (const auto& facts : signatures) packets += facts.packet;
  const rnp::Verification verification(ring, data, packets);
  if (verification.count() != signatures.size()) throw Error(Errc::invalid, "openpgp: signatures read in two ways");
  for (std::size_t i = 0; i < signatures.size(); ++i) {
    if (const auto key = verification.key(i))
      offer_key(result, ring, key, judge_signature(ring, key, verification.status(i), signatures[i]));
    else
      offer(result, Why::unknown_issuer, signatures[i].key_id, {});
  }
  return result;
}

MessageResult verify_message(std::string_view message, const std::vector<RingFile>& files) {
  MessageResult out;
  const rnp::Ring ring;
  load_ring(ring, files, out.result);
  if (message.empty()) return out;
  const auto verification = rnp::Verification::of_message(ring, message, kMaxPayloadBytes);
  for (std::size_t i = 0; i < verification.count() && i < kMaxSignatures; ++i) {
    const rnp::Key key = verification.key(i);
    if (!key) {
      offer(out.result, Why::unknown_issuer, verification.key_id(i), {});
      continue;
    }
    Why why = judge_key(ring, key);
    const rnp::Status status = verification.status(i);
    if (why == Why::ok && (status == rnp::Status::expired || verification.expired_at(i, now())))
      why = Why::expired_signature;
    else if (why == Why::ok && status != rnp::Status::good)
      why = Why::bad_signature;
    offer_key(out.result, ring, key, why);
  }
  if (out.result.why == Why::ok) out.content = verification.content();
  return out;
}

Result check_issuer(std::string_view signature, const std::vector<RingFile>& files) {
  Result result;
  const SignatureFile file = read_signature_file(signature);
  const rnp::Ring ring;
  load_ring(ring, files, result);
  offer_weak(result, ring, file);
  for (const auto& facts : readable(ring, file.usable)) {
    if (const auto key = find_issuer(ring, facts))
      offer_key(result, ring, key, judge_signature(ring, key, rnp::Status::good, facts));
    else
      offer(result, Why::unknown_issuer, facts.key_id, {});
  }
  return result;
}

std::vector<KeyFacts> inspect(std::string_view key_file) {
  const rnp::Ring ring;
  ring.load(read_key_file(key_file));
  std::vector<KeyFacts> out;
  for (const auto& fingerprint : ring.primaries()) {
    const rnp::Key key = ring.find_fingerprint(fingerprint);
    out.push_back({.fingerprint = fingerprint,
                   .subkeys = key.subkeys(),
                   .revoked = key.revocations(),
                   .identities = key.identities(),
                   .armored = key.exported(rnp::Form::armored)});
  }
  if (out.empty()) throw Error(Errc::invalid, "openpgp: invalid argument: no usable public key found");
  return out;
}

}  // namespace rkt::verify
