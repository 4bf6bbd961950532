// SPDX-License-Identifier: Apache-2.0
#include "image/image_trust.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"
#include "image/verify_client.h"
#include "schema/oci/bundle.h"

namespace rkt::image {
namespace {

using keystore::TrustedKey;

bool holds(const std::vector<TrustedKey>& keys, std::string_view fingerprint) {
  return std::ranges::find(keys, fingerprint, &TrustedKey::fingerprint) != keys.end();
}

bool meets(const OciSubject& subject, const Demand& demand, const Evidence& evidence) {
  if (!evidence.reference) return false;  // whatever a policy demands, it is an identity
  const auto claimed = keystore::canonical_reference(*evidence.reference);
  return claimed && holds(demand.keys, evidence.key) && keystore::matches(demand.identity, subject.asked, *claimed);
}

constexpr std::size_t kMaxShown = 4;

// The best that can be said about signatures that do not count.
enum class Flaw : std::uint8_t {
  none,
  unlisted,
  unreadable,
  certificate,
  unknown_key,
  untrusted_key,
  bad_signature,
  other_digest,
  other_identity,
  policy
};

class Verification {
 public:
  Verification(const keystore::Keystore& keys, const OciSubject& subject)
      : keys_(keys),
        subject_(subject),
        demands_(demands_on(subject, keystore::load_policy())),
        trusted_(keys.ring_for(subject.name)),
        ring_(trusted_) {
    for (const auto& demand : demands_.list)
      for (const auto& key : demand.keys)
        if (!holds(ring_, key.fingerprint)) ring_.push_back(key);
  }

  void look_at(const FoundSignature& found) {
    const MessageVerdict checked = check(found, ring_);
    if (!checked.verdict.good) return blame_key(found, checked.verdict);
    const std::string& key = checked.verdict.fingerprint;
    if (found.form == FoundSignature::Form::statement) return look_at_statement(found.content, key);
    // Over the manifest itself: that it is the right one was checked before the signature was.
    if (found.form == FoundSignature::Form::manifest) return take(key, std::nullopt);
    const oci::Claim claim = oci::parse_claim(checked.content);
    const bool openpgp = found.form == FoundSignature::Form::openpgp;
    if (claim.type != (openpgp ? oci::kSimpleSigningType : oci::kCosignType))
      throw Error(Errc::invalid, cat("a signature of the wrong type ", quoted(printable(claim.type, 100))));
    if (!is_subject(claim.digest)) return blame(Flaw::other_digest, key, claim.digest);
    take(key, claim.reference);
  }

  bool accepted() {
    if (evidence_.empty()) return false;
    const Finding finding = decide(subject_, evidence_, trusted_, demands_);
    if (finding == Finding::policy) blame(Flaw::policy, {}, {});
    return finding == Finding::accepted;
  }

  std::string signers() const {
    std::vector<std::string> out;
    for (const auto& one : evidence_)
      if (std::ranges::find(out, one.key) == out.end()) out.push_back(one.key);
    return join(out, " ");
  }

  void blame_list(const std::string& why) { blame(Flaw::unlisted, {}, why); }
  // All of them are shown: who made them has to know which.
  void blame_content(const std::string& which_and_why) {
    blame(Flaw::unreadable, {}, {});
    if (std::ranges::find(unreadable_, which_and_why) == unreadable_.end()) unreadable_.push_back(which_and_why);
  }
  [[noreturn]] void refuse() const;

 private:
  static MessageVerdict check(const FoundSignature& found, const std::vector<TrustedKey>& keys) {
    if (found.form == FoundSignature::Form::openpgp) return verify_message(found.signature, keys);
    return {.verdict = verify_plain(found.payload, found.signature, keys), .content = found.payload};
  }

  bool is_subject(const std::string& digest) const {
    return std::ranges::find(subject_.digests, digest) != subject_.digests.end();
  }

  void take(const std::string& key, const std::optional<std::string>& reference) {
    if (reference && !is_for(subject_, *reference)) blame(Flaw::other_identity, key, *reference);
    evidence_.push_back({.key = key, .reference = reference});
  }

  // A statement of anything else (what the image consists of, what was found in it) is no consent to its use.
  void look_at_statement(const std::string& text, const std::string& key) {
    const oci::Statement statement = oci::parse_statement(text);
    if (statement.predicate_type != oci::kSignPredicate)
      return log::debug("image", cat("a statement of the type ", quoted(printable(statement.predicate_type, 100))));
    std::string other = "nothing";
    for (const auto& one : statement.subjects)
      for (const auto& digest : one.digests) {
        if (is_subject(digest)) return take(key, one.name.empty() ? std::nullopt : std::optional(one.name));
        other = digest;
      }
    blame(Flaw::other_digest, key, other);
  }

  void blame(Flaw flaw, const std::string& key, const std::string& detail) {
    if (flaw <= flaw_) return;
    flaw_ = flaw;
    key_ = key;
    detail_ = printable(detail, 300);
  }

  // A key that is trusted for other names is worth a word.
  void blame_key(const FoundSignature& found, const Verdict& verdict) {
    if (found.certificate) return blame(Flaw::certificate, {}, {});
    if (verdict.why != Verdict::Why::unknown_issuer && verdict.why != Verdict::Why::no_signature)
      return blame(Flaw::bad_signature, verdict.fingerprint, refusal(verdict).cause());
    blame(Flaw::unknown_key, verdict.fingerprint, {});
    if (flaw_ >= Flaw::untrusted_key) return;
    if (!others_) {
      others_ = keys_.every_key();
      std::erase_if(*others_, [&](const auto& key) { return holds(ring_, key.fingerprint); });
      if (others_->size() > verify::kMaxRing) others_->resize(verify::kMaxRing);
    }
    const Verdict other = check(found, *others_).verdict;
    if (!other.good) return;
    const auto key = std::ranges::find(*others_, other.fingerprint, &TrustedKey::fingerprint);
    blame(Flaw::untrusted_key, other.fingerprint, key->path);
  }

  const keystore::Keystore& keys_;
  const OciSubject& subject_;
  Demands demands_;
  std::vector<TrustedKey> trusted_, ring_;  // ring_: with the policy's
  std::optional<std::vector<TrustedKey>> others_;
  std::vector<Evidence> evidence_;
  Flaw flaw_ = Flaw::none;
  std::string key_, detail_;
  std::vector<std::string> unreadable_;
};

std::string text_of_unreadable(const std::vector<std::string>& unreadable) {
  const std::size_t n = unreadable.size(), shown = std::min(n, kMaxShown);
  std::string out = n == 1 ? std::string("it has a signature that cannot be read: ")
                           : cat("it has ", n, " signatures that cannot be read: ");
  for (std::size_t i = 0; i < shown; ++i) out += cat(i == 0 ? "" : ", ", printable(unreadable[i], 300));
  return n > shown ? cat(out, ", and ", n - shown, " more") : out;
}

void Verification::refuse() const {
  const auto refuse_it = [&](std::string_view why, std::string_view remedy) {
    Error e(Errc::untrusted, cat("image ", quoted(subject_.shown), ": ", why));
    e.hint(cat(remedy, "; or --insecure-options=image"));
    return e;
  };
  const std::string trust = cat("rkt trust --prefix=", subject_.repository, " ");
  const std::string elsewhere = "get the image again from its publisher";
  switch (flaw_) {
    case Flaw::none:
      throw refuse_it("no signature", cat("a trusted key is needed: ", trust, "KEY.pub"));
    case Flaw::unlisted:
      throw refuse_it(cat("no signature was found, and the list of what lies beside it cannot be read: ", detail_),
                      cat("a trusted key is needed: ", trust, "KEY.pub"));
    case Flaw::unreadable:
      throw refuse_it(text_of_unreadable(unreadable_), "have its publisher sign it again");
    case Flaw::certificate:
      throw refuse_it("signed with a certificate (keyless), which cannot be checked",
                      cat("a signature by a key pair is needed: cosign sign --key, then ", trust, "KEY.pub"));
    case Flaw::unknown_key:
      throw refuse_it(key_.empty() ? std::string("its signature is by no key that is trusted for it")
                                   : cat("signed by key ", key_, ", which is not trusted for it"),
                      cat("if you have the signer's key and trust it, run: ", trust, "KEY.pub"));
    case Flaw::untrusted_key:
      throw refuse_it(cat("signed by key ", key_, ", which is not trusted for it"),
                      cat("if it may sign this image, run: ", trust, detail_));
    case Flaw::bad_signature:
      throw refuse_it(cat(detail_, ", key ", key_), elsewhere);
    case Flaw::other_digest:
      throw refuse_it(
          cat("the signature by key ", key_, " is for other content, ", detail_, ", not for ", subject_.digests.back()),
          elsewhere);
    case Flaw::other_identity:
      throw refuse_it(
          cat("the signature by key ", key_, " is for ", quoted(detail_), ", not for ", quoted(subject_.repository)),
          elsewhere);
    case Flaw::policy:
      throw refuse_it(cat("its signatures are not those that the policy in ", quoted(demands_.file), " demands"),
                      "sign it as the policy says");
  }
  throw Error(Errc::bug, "a flaw of no kind");
}

}  // namespace

bool is_for(const OciSubject& subject, const std::string& reference) {
  if (reference.empty()) return false;
  if (!subject.registry) return oci::repository_of(reference) == subject.repository;
  const std::string asked = oci::canonical_repository(subject.repository);
  return !asked.empty() && oci::canonical_repository(reference) == asked;
}

Finding decide(const OciSubject& subject, const std::vector<Evidence>& evidence, const std::vector<TrustedKey>& ring,
               const Demands& demands) {
  for (const auto& demand : demands.list)
    if (std::ranges::none_of(evidence, [&](const auto& one) { return meets(subject, demand, one); }))
      return Finding::policy;
  if (!demands.list.empty()) return Finding::accepted;
  const bool good = std::ranges::any_of(evidence, [&](const auto& one) {
    return holds(ring, one.key) && (!one.reference || is_for(subject, *one.reference));
  });
  return good ? Finding::accepted : Finding::other_identity;
}

bool still_trusted(const std::vector<std::string_view>& signers, const std::vector<TrustedKey>& ring,
                   const Demands& demands) {
  const auto any_in = [&](const std::vector<TrustedKey>& keys) {
    return std::ranges::any_of(signers, [&](std::string_view signer) { return holds(keys, signer); });
  };
  if (!demands.list.empty())
    return std::ranges::all_of(demands.list, [&](const auto& demand) { return any_in(demand.keys); });
  return any_in(ring);
}

std::string verify_image(const keystore::Keystore& keys, const OciSubject& subject, SignatureSource& source) {
  Verification verification(keys, subject);
  for (const auto& digest : subject.digests) {
    const FoundSignatures all = find_signatures(source, digest);
    if (!all.unlisted.empty()) verification.blame_list(all.unlisted);
    for (const auto& one : all.unreadable) verification.blame_content(one);
    for (const auto& found : all.signatures) {
      try {
        verification.look_at(found);
      } catch (const Error& e) {
        if (e.code() != Errc::invalid) throw;
        log::debug("image", cat("signature of ", digest, ": ", e.brief()));
        verification.blame_content(cat(found.where, ": ", e.brief()));
      }
    }
    if (!verification.accepted()) continue;
    log::note("image", cat("signature verified:\n  ", verification.signers()));
    return verification.signers();
  }
  verification.refuse();
}

}  // namespace rkt::image
