// SPDX-License-Identifier: Apache-2.0
#include "schema/oci/signing.h"

#include <algorithm>

#include "base/base64.h"
#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "json/reader.h"
#include "json/unique.h"

namespace rkt::oci {
namespace {

constexpr json::Limits kSignatureLimits{.bytes = kMaxSignatureDocument, .depth = 32};

// "sha256-HEX" -> "sha256:HEX" in its right length.
bool is_digest_tag(std::string_view tag) {
  const auto dash = tag.find('-');
  if (dash == std::string_view::npos) return false;
  try {
    check_digest_syntax(cat(tag.substr(0, dash), ":", tag.substr(dash + 1)));
    return true;
  } catch (const Error&) {
    return false;
  }
}

// These members and no others: what is not understood may take back what is.
void exactly(const json::Reader& in, std::initializer_list<std::string_view> names) {
  for (const auto& [name, value] : in.members())
    if (std::ranges::find(names, name) == names.end()) in.fail(cat("unknown member ", quoted(printable(name, 100))));
}

// Of the members of "optional" only those that the format knows have a type.
void check_optional(const json::Reader& in, bool required) {
  const json::Value* optional = in.value().as_object()->find("optional");
  if (!required && (optional == nullptr || optional->is_null())) return;
  if (optional == nullptr) in.fail("no member \"optional\"");
  const json::Reader known(*optional, cat(in.path(), ".optional"));
  for (const auto& [name, value] : known.members()) {
    if (name == "creator") (void)value.text();
    if (name == "timestamp") (void)value.integer();
  }
}

}  // namespace

// As strict as the tools that share policy.json with us, for whatever is not understood could be a condition.
Claim parse_claim(std::string_view payload) {
  const json::Value value = json::parse_unique(payload, kSignatureLimits);
  const json::Reader top(value, "signed payload");
  exactly(top, {"critical", "optional"});
  const json::Reader critical = top.at("critical");
  exactly(critical, {"type", "image", "identity"});
  exactly(critical.at("image"), {"docker-manifest-digest"});
  exactly(critical.at("identity"), {"docker-reference"});
  Claim out{.type = critical.at("type").text(),
            .digest = critical.at("image").at("docker-manifest-digest").text(),
            .reference = critical.at("identity").at("docker-reference").text()};
  if (out.type != kCosignType && out.type != kSimpleSigningType)
    critical.fail(cat("signature of an unknown type ", quoted(out.type)));
  check_digest_syntax(out.digest);
  check_optional(top, out.type == kSimpleSigningType);
  return out;
}

std::string write_claim(const Claim& claim) {
  json::Object identity, image, critical, out;
  identity.set("docker-reference", claim.reference);
  image.set("docker-manifest-digest", claim.digest);
  critical.set("identity", std::move(identity));
  critical.set("image", std::move(image));
  critical.set("type", claim.type);
  out.set("critical", std::move(critical));
  out.set("optional", nullptr);
  return json::write(std::move(out));
}

std::vector<AttachedSignature> attached_signatures(const Manifest& manifest) {
  std::vector<AttachedSignature> out;
  for (const auto& layer : manifest.layers) {
    if (out.size() == kMaxAttached) break;
    const auto text = layer.annotations.find(std::string(kCosignSignature));
    if (layer.media_type != kCosignLayer || text == layer.annotations.end()) continue;
    const bool certificate = layer.annotations.contains(std::string(kCosignCertificate));
    if (auto raw = base64_decode(text->second))
      out.push_back({.payload = layer, .signature = std::move(*raw), .certificate = certificate});
  }
  return out;
}

std::string referrers_tag(std::string_view digest) {
  check_digest_syntax(digest);
  const auto colon = digest.find(':');
  return cat(digest.substr(0, colon), "-", digest.substr(colon + 1, 64));
}

std::string signature_tag(std::string_view digest) {
  check_digest_syntax(digest);
  const auto colon = digest.find(':');
  return cat(digest.substr(0, colon), "-", digest.substr(colon + 1), ".sig");
}

bool is_signature_tag(std::string_view name) {
  for (const std::string_view suffix : {".sig", ".att", ".sbom"})
    if (name.ends_with(suffix)) return is_digest_tag(name.substr(0, name.size() - suffix.size()));
  return is_digest_tag(name);
}

std::string repository_of(std::string_view reference) {
  reference = reference.substr(0, reference.find('@'));
  const auto slash = reference.rfind('/');
  const auto colon = reference.find(':', slash == std::string_view::npos ? 0 : slash);
  return std::string(reference.substr(0, colon));
}

std::string canonical_repository(std::string_view reference) {
  try {
    const Reference written = Reference::parse(repository_of(reference));
    const Reference r = Reference::parse(cat(lower(written.host), "/", written.repository));
    return cat(r.host, "/", r.repository);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace rkt::oci
