// SPDX-License-Identifier: Apache-2.0
#include "image/image_trust.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"
#include "image/verify_client.h"

namespace rkt::image {
namespace {

// The most that could be said for the image so far.
struct Best {
  Fit fit = Fit::none;
  std::string key, where;  // of untrusted_key: the file it is trusted with elsewhere
  oci::Claim claim;
};

class Verification {
 public:
  Verification(const keystore::Keystore& keys, const OciSubject& subject)
      : keys_(keys), subject_(subject), ring_(keys.ring_for(subject.name)) {}

  // Keeps the evidence when there is any.
  void look_at(const FoundSignature& found) {
    const Verdict verdict = verify_plain(found.payload, found.signature, ring_);
    if (!verdict.good) return blame_key(found);
    const oci::Claim claim = oci::parse_claim(found.payload);
    const Fit fit = judge(subject_, claim);
    offer({.fit = fit, .key = verdict.fingerprint, .where = {}, .claim = claim});
    if (fit == Fit::good) evidence.push_back({.key = verdict.fingerprint, .claim = claim});
  }

  [[noreturn]] void refuse() const;

  std::vector<Evidence> evidence;

 private:
  void offer(Best candidate) {
    if (candidate.fit > best_.fit) best_ = std::move(candidate);
  }

  // A key that is trusted for other names is worth a word.
  void blame_key(const FoundSignature& found) {
    offer({.fit = Fit::unknown_key, .key = {}, .where = {}, .claim = {}});
    if (best_.fit >= Fit::untrusted_key) return;
    if (!others_) {
      others_ = keys_.every_key();
      std::erase_if(*others_, [&](const auto& key) {
        return std::ranges::any_of(ring_, [&](const auto& known) { return known.fingerprint == key.fingerprint; });
      });
      if (others_->size() > verify::kMaxRing) others_->resize(verify::kMaxRing);
    }
    const Verdict verdict = verify_plain(found.payload, found.signature, *others_);
    if (!verdict.good) return;
    const auto key = std::ranges::find(*others_, verdict.fingerprint, &keystore::TrustedKey::fingerprint);
    offer({.fit = Fit::untrusted_key, .key = verdict.fingerprint, .where = key->path, .claim = {}});
  }

  const keystore::Keystore& keys_;
  const OciSubject& subject_;
  std::vector<keystore::TrustedKey> ring_;
  std::optional<std::vector<keystore::TrustedKey>> others_;
  Best best_;
};

void Verification::refuse() const {
  const auto refusal = [&](std::string_view why, std::string_view remedy) {
    Error e(Errc::untrusted, cat("image ", quoted(subject_.shown), ": ", why));
    e.hint(cat(remedy, "; or --insecure-options=image"));
    return e;
  };
  const std::string trust = cat("rkt trust --prefix=", subject_.repository, " KEY.pub");
  const std::string elsewhere = "get the image again from its publisher";
  switch (best_.fit) {
    case Fit::none:
    case Fit::good:
      throw refusal("no signature", cat("a trusted key is needed: ", trust));
    case Fit::unknown_key:
      throw refusal("its signature is by no key that is trusted for it",
                    cat("if you have the signer's key and trust it, run: ", trust));
    case Fit::untrusted_key:
      throw refusal(cat("signed by key ", best_.key, ", which is not trusted for it"),
                    cat("if it may sign this image, run: rkt trust --prefix=", subject_.repository, " ", best_.where));
    case Fit::other_digest:
      throw refusal(cat("the signature by key ", best_.key, " is for other content, ", best_.claim.digest, ", not for ",
                        subject_.digests.back()),
                    elsewhere);
    case Fit::other_identity:
      throw refusal(cat("the signature by key ", best_.key, " is for ", quoted(printable(best_.claim.reference, 300)),
                        ", not for ", quoted(subject_.repository)),
                    elsewhere);
  }
  throw Error(Errc::bug, "a signature of no kind");
}

}  // namespace

Fit judge(const OciSubject& subject, const oci::Claim& claim) {
  if (std::ranges::find(subject.digests, claim.digest) == subject.digests.end()) return Fit::other_digest;
  const bool same = subject.registry
                        ? oci::canonical_repository(claim.reference) == oci::canonical_repository(subject.repository)
                        : oci::repository_of(claim.reference) == subject.repository;
  return same && !claim.reference.empty() ? Fit::good : Fit::other_identity;
}

std::string verify_image(const keystore::Keystore& keys, const OciSubject& subject, SignatureSource& source) {
  Verification verification(keys, subject);
  for (const auto& digest : subject.digests) {
    for (const auto& found : find_signatures(source, digest)) {
      try {
        verification.look_at(found);
      } catch (const Error& e) {
        if (e.code() != Errc::invalid) throw;
        log::debug("image", cat("signature of ", digest, ": ", e.brief()));
      }
    }
    if (!verification.evidence.empty()) break;
  }
  if (verification.evidence.empty()) verification.refuse();
  std::string out;
  for (const auto& one : verification.evidence)
    if (cat(" ", out, " ").find(cat(" ", one.key, " ")) == std::string::npos)
      out += cat(out.empty() ? "" : " ", one.key);
  log::note("image", cat("signature verified:\n  ", out));
  return out;
}

}  // namespace rkt::image
