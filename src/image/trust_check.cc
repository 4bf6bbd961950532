// SPDX-License-Identifier: Apache-2.0
#include "image/trust_check.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"

namespace rkt::image {
namespace {

constexpr std::string_view kOwnStage1 = "coreos.com/rkt/stage1-";

std::string described(const store::ImageRecord& r) {
  const std::string name = r.version.empty() ? r.name : cat(r.name, ":", r.version);
  return cat("image ", quoted(name), " (", r.key.substr(0, 19), ")");
}

}  // namespace

TrustCheck::TrustCheck(const keystore::Keystore* keys, const Insecure& insecure)
    : keys_(insecure.image ? nullptr : keys) {
  if (keys == nullptr && !insecure.image) throw Error(Errc::bug, "verification needs a key store");
}

// Read once: a policy that changes meanwhile counts for the next command.
const std::optional<keystore::Policy>& TrustCheck::policy() const {
  if (!policy_) policy_.emplace(keystore::load_policy());
  return *policy_;
}

bool TrustCheck::policy_demands(const OciSubject& subject) const {
  if (!required() || !policy()) return false;
  return std::ranges::any_of(policy()->of(subject.transport, subject.scopes), [](const auto& requirement) {
    return requirement.kind != keystore::Requirement::Kind::anything;
  });
}

Standing TrustCheck::standing(const store::ImageRecord& record) const {
  if (!required()) return Standing::accepted;
  if (record.signed_by.empty()) return Standing::unverified;
  const auto signers = split(record.signed_by, ' ');
  Demands demands;
  if (record.kind != store::ImageKind::aci) {
    try {
      if (policy()) demands = demands_on(stored_subject(record), policy());
    } catch (const Error& e) {
      if (e.code() != Errc::untrusted) throw;
      log::debug("image", e.brief());
      return Standing::revoked;
    }
  }
  return still_trusted(signers, keys_->ring_for(record.name), demands) ? Standing::accepted : Standing::revoked;
}

// What a policy has against an image whose signature was good when it was stored; "": nothing.
std::string TrustCheck::policy_objection(const store::ImageRecord& record) const {
  if (record.kind == store::ImageKind::aci || !policy()) return {};
  try {
    const Demands demands = demands_on(stored_subject(record), policy());
    return demands.list.empty() ? std::string{}
                                : cat(" has not the signatures that the policy in ", quoted(demands.file), " demands");
  } catch (const Error& e) {
    if (e.code() != Errc::untrusted) throw;
    return cat(" is rejected by the policy in ", quoted(policy()->path));
  }
}

Error TrustCheck::refusal_of(const store::ImageRecord& r) const {
  if (r.signed_by.empty())
    return Error(Errc::untrusted, cat(described(r), " was stored without verification, no key has signed for it"))
        .hint("fetch it again with its signature, or use --insecure-options=image");
  if (const std::string why = policy_objection(r); !why.empty())
    return Error(Errc::untrusted, cat(described(r), why)).hint("change the policy, or use --insecure-options=image");
  return Error(Errc::untrusted,
               cat(described(r), " was verified with key ", r.signed_by, ", which is no longer trusted for it"))
      .hint(cat("to trust it again, run: rkt trust --prefix ", r.name, " KEYFILE"));
}

void TrustCheck::refuse(const Verdict& verdict, const std::string& name) const {
  const Error why = refusal(verdict);
  const std::string key = verdict.fingerprint.empty() ? std::string{} : cat(", key ", verdict.fingerprint);
  if (verdict.why == Verdict::Why::unknown_issuer) {
    log::note("image", "If you expected the signing key to change, try running:");
    log::note("image", cat("    rkt trust --prefix ", quoted(name)));
  }
  Error e(Errc::untrusted, cat(why.cause(), ": image ", quoted(name), key));
  if (verdict.why == Verdict::Why::unknown_issuer)
    e.hint(cat("if you trust that key, run: rkt trust --prefix ", name, " KEYFILE"));
  else
    e.hint(why.remedy().empty() ? "get the image and its signature again from their publisher" : why.remedy());
  throw e;
}

void TrustCheck::check_issuer_for(const std::string& signature, const std::string& name) const {
  const Verdict verdict = check_issuer(signature, keys_->ring_for(name));
  if (!verdict.good) refuse(verdict, name);
}

std::string TrustCheck::verify(int file, const std::string& signature, const std::string& name) const {
  const Verdict verdict = verify_detached(file, signature, keys_->ring_for(name));
  if (!verdict.good) refuse(verdict, name);
  std::string text = "signature verified:";
  for (const auto& identity : verdict.identities) text += cat("\n  ", identity);
  // What came with rkt itself is no news to its user.
  if (name.starts_with(kOwnStage1))
    log::debug("image", text);
  else
    log::note("image", text);
  return verdict.fingerprint;
}

void check_identity(const appc::ImageManifest& manifest, const std::string& name,
                    const std::map<std::string, std::string>& labels) {
  if (manifest.name != name)
    throw Error(Errc::untrusted, cat("error when reading the app name: ", quoted(name), " expected but ",
                                     quoted(manifest.name), " found"));
  for (const auto& [label, value] : labels) {
    const std::string* has = appc::find_label(manifest.labels, label);
    if (has == nullptr)
      throw Error(Errc::untrusted, cat("requested label ", quoted(label), " not provided by the image manifest"));
    if (*has != value)
      throw Error(Errc::untrusted, cat("requested value for label ", quoted(label), ": ", quoted(value),
                                       " differs from fetched aci label value: ", quoted(*has)));
  }
}

}  // namespace rkt::image
