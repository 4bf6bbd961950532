// SPDX-License-Identifier: Apache-2.0
#include "image/demands.h"

#include "base/base64.h"
#include "base/error.h"
#include "base/strings.h"
#include "image/verify_client.h"
#include "schema/appc/image_manifest.h"
#include "sys/digest.h"
#include "sys/file.h"

namespace rkt::image {
namespace {

constexpr std::size_t kMaxPolicyKey = std::size_t{1} << 20;
constexpr std::string_view kDefaultHost = "registry-1.docker.io";
constexpr std::string_view kPemBegin = "-----BEGIN PUBLIC KEY-----", kPemEnd = "-----END PUBLIC KEY-----";

std::string image_name(const std::string& text) { return appc::AcIdentifier::sanitize(text).str(); }

std::vector<keystore::TrustedKey> read_keys(keystore::Requirement::Kind kind, const std::string& bytes,
                                            const std::string& path) {
  std::vector<keystore::TrustedKey> out;
  if (kind == keystore::Requirement::Kind::sigstore) {
    out.push_back({.fingerprint = plain_key_name(bytes), .path = path, .bytes = bytes});
    if (out[0].fingerprint.empty()) throw Error(Errc::invalid, cat("no PEM public key in ", quoted(path)));
  } else {
    for (auto& key : inspect_keys(bytes))
      out.push_back({.fingerprint = key.fingerprint, .path = path, .bytes = key.armored});
  }
  return out;
}

Demand read_demand(const keystore::Requirement& requirement, const std::string& policy) {
  Demand out{.keys = {}, .identity = requirement.identity};
  const auto add = [&](const std::string& bytes, const std::string& path) {
    for (auto& key : read_keys(requirement.kind, bytes, path)) out.keys.push_back(std::move(key));
  };
  in_context([&] { return cat("policy ", quoted(policy)); },
             [&] {
               for (const auto& path : requirement.key_files) add(read_file(path, kMaxPolicyKey), path);
               for (const auto& bytes : requirement.keys) add(bytes, policy);
             });
  return out;
}

std::string annotation(const appc::ImageManifest& manifest, std::string_view name) {
  for (const auto& one : manifest.annotations)
    if (one.name == name) return one.value;
  return {};
}

}  // namespace

OciSubject registry_subject(const oci::Reference& ref, const std::string& typed, std::vector<std::string> digests) {
  const std::string host = ref.host == kDefaultHost ? "docker.io" : ref.host;
  OciSubject out{.shown = cat("docker://", typed),
                 .name = image_name(cat(ref.host, "/", ref.repository)),
                 .repository = cat(host, "/", ref.repository),
                 .registry = true,
                 .digests = std::move(digests),
                 .asked = {.repository = cat(lower(host), "/", ref.repository), .tag = ref.tag, .digest = ref.digest},
                 .transport = "docker",
                 .scopes = {}};
  out.scopes = keystore::docker_scopes(out.asked);
  return out;
}

OciSubject layout_subject(const std::string& path, const std::string& reference, bool archive, const std::string& name,
                          const std::string& tag, std::vector<std::string> digests) {
  const char* transport = archive ? "oci-archive" : "oci";
  return {.shown = cat(transport, ":", path, reference.empty() ? "" : ":", reference),
          .name = image_name(name),
          .repository = name,
          .registry = false,
          .digests = std::move(digests),
          .asked = {.repository = name, .tag = tag, .digest = {}},
          .transport = transport,
          .scopes = keystore::path_scopes(path, reference)};
}

OciSubject stored_subject(const store::ImageRecord& record) {
  const appc::ImageManifest manifest = appc::parse_image_manifest(record.manifest);
  oci::Reference ref;
  ref.host = annotation(manifest, "appc.io/docker/registryurl");
  ref.repository = annotation(manifest, "appc.io/docker/repository");
  ref.tag = annotation(manifest, "appc.io/docker/tag");
  if (ref.tag.empty()) ref.digest = annotation(manifest, "appc.io/docker/manifesthash");
  OciSubject out = ref.host.empty() ? layout_subject("/", {}, false, ref.repository, ref.tag, {})
                                    : registry_subject(ref, cat(ref.host, "/", ref.repository), {});
  out.name = record.name;
  return out;
}

Demands demands_on(const OciSubject& subject, const std::optional<keystore::Policy>& policy) {
  if (!policy) return {};
  Demands out{.file = policy->path, .list = {}};
  for (const auto& requirement : policy->of(subject.transport, subject.scopes)) {
    if (requirement.kind == keystore::Requirement::Kind::anything) continue;
    const auto image = cat("image ", quoted(subject.shown));
    if (requirement.kind == keystore::Requirement::Kind::reject)
      throw Error(Errc::untrusted, cat(image, " is rejected by the policy in ", quoted(policy->path)));
    if (!requirement.unsupported.empty())
      throw Error(Errc::unsupported, cat(image, ": the policy in ", quoted(policy->path), " demands ",
                                         quoted(requirement.unsupported), ", which cannot be checked"))
          .hint("demand a signature of a key instead");
    out.list.push_back(read_demand(requirement, policy->path));
  }
  return out;
}

std::string plain_key_name(std::string_view pem) {
  const auto begin = pem.find(kPemBegin);
  const auto end = pem.find(kPemEnd, begin == std::string_view::npos ? 0 : begin);
  if (begin == std::string_view::npos || end == std::string_view::npos) return {};
  std::string body;
  for (const char c : pem.substr(begin + kPemBegin.size(), end - begin - kPemBegin.size()))
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t') body.push_back(c);
  const auto der = base64_decode(body);
  return der && !der->empty() ? cat("sha256:", sha256_hex(*der)) : std::string{};
}

}  // namespace rkt::image
