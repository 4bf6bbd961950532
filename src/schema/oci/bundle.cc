// SPDX-License-Identifier: Apache-2.0
#include "schema/oci/bundle.h"

#include <algorithm>

#include "base/base64.h"
#include "base/error.h"
#include "base/strings.h"
#include "json/reader.h"
#include "schema/oci/signing.h"

namespace rkt::oci {
namespace {

constexpr json::Limits kBundleLimits{.bytes = kMaxSignatureDocument, .depth = 32};
constexpr std::string_view kTypeStart = "application/vnd.dev.sigstore.bundle";
constexpr std::string_view kTypes[] = {
    "application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.2", "application/vnd.dev.sigstore.bundle+json;version=0.1"};
constexpr std::string_view kStatementTypes[] = {"https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"};
constexpr std::size_t kMaxSubjects = 1000;

std::string decoded(const json::Reader& in) {
  auto raw = base64_decode(in.text());
  if (!raw) in.fail("not base64");
  return std::move(*raw);
}

void read_envelope(const json::Reader& in, Bundle& out) {
  const auto signatures = in.items("signatures");
  if (signatures.size() != 1) in.fail(cat(signatures.size(), " signatures instead of one"));
  out.envelope = true;
  out.signature = decoded(signatures[0].at("sig"));
  out.payload = decoded(in.at("payload"));
  out.payload_type = in.at("payloadType").text();
}

// Digests of algorithms that are not ours say nothing to us.
std::vector<std::string> digests_of(const json::Reader& subject) {
  std::vector<std::string> out;
  for (const auto& [algorithm, hex] : subject.at("digest").members()) {
    if (algorithm != "sha256" && algorithm != "sha512") continue;
    out.push_back(cat(algorithm, ":", hex.text()));
    check_digest_syntax(out.back());
  }
  return out;
}

}  // namespace

bool is_bundle_type(std::string_view media_type) { return media_type.starts_with(kTypeStart); }

std::string stated_predicate(std::string_view manifest) {
  const json::Value value = json::parse(manifest, kBundleLimits);
  const auto annotations = json::Reader(value).find("annotations");
  return annotations ? annotations->text_or(kPredicateAnnotation, "") : std::string{};
}

Bundle parse_bundle(std::string_view bytes) {
  const json::Value value = json::parse(bytes, kBundleLimits);
  const json::Reader in(value, "bundle");
  const std::string type = in.at("mediaType").text();
  if (std::ranges::find(kTypes, type) == std::end(kTypes))
    throw Error(Errc::unsupported, cat("a bundle of the unknown type ", quoted(type)));
  Bundle out;
  const json::Reader material = in.at("verificationMaterial");
  out.certificate = material.find("certificate") || material.find("x509CertificateChain");
  if (!out.certificate && !material.find("publicKey")) material.fail("neither a key nor a certificate");
  const auto envelope = in.find("dsseEnvelope"), message = in.find("messageSignature");
  if (envelope.has_value() == message.has_value()) in.fail("must have one of dsseEnvelope and messageSignature");
  if (envelope)
    read_envelope(*envelope, out);
  else
    out.signature = decoded(message->at("signature"));
  if (out.signature.empty()) in.fail("an empty signature");
  return out;
}

std::string envelope_bytes(std::string_view payload_type, std::string_view payload) {
  return cat("DSSEv1 ", payload_type.size(), " ", payload_type, " ", payload.size(), " ", payload);
}

Statement parse_statement(std::string_view payload) {
  const json::Value value = json::parse(payload, kBundleLimits);
  const json::Reader in(value, "statement");
  const std::string type = in.at("_type").text();
  if (std::ranges::find(kStatementTypes, type) == std::end(kStatementTypes))
    in.fail(cat("unknown type ", quoted(type)));
  Statement out{.predicate_type = in.at("predicateType").text(), .subjects = {}};
  const auto subjects = in.items("subject");
  if (subjects.size() > kMaxSubjects) in.fail("too many subjects");
  for (const auto& subject : subjects)
    out.subjects.push_back({.name = subject.text_or("name", {}), .digests = digests_of(subject)});
  return out;
}

}  // namespace rkt::oci
