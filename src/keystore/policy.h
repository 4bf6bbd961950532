// SPDX-License-Identifier: Apache-2.0
// policy.json of other container tools, containers-policy.json(5): what it demands of Docker and OCI images, by scope.
// Here it can only add demands and, with them, keys; that it accepts anything changes nothing: the key store decides.
// Pure but for load_policy(). As for those tools an unknown member is an error: a demand that is not understood must
// not be skipped.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rkt::keystore {

/// signedIdentity: what a signature must say that it is for. References are canonical (canonical_reference()).
struct SignedIdentity {
  enum class Match : std::uint8_t { exact, repo_digest_or_exact, repository, exact_reference, exact_repository, remap };
  Match match = Match::repo_digest_or_exact;
  std::string reference;              ///< exact_reference, exact_repository
  std::string prefix, signed_prefix;  ///< remap
};

struct Requirement {
  enum class Kind : std::uint8_t { anything, reject, openpgp /* signedBy */, sigstore /* sigstoreSigned */ };
  Kind kind = Kind::anything;
  std::vector<std::string> key_files;  ///< paths
  std::vector<std::string> keys;       ///< key files in place, decoded
  SignedIdentity identity;
  std::string unsupported;  ///< a member that demands what cannot be checked here, or ""
};
using Requirements = std::vector<Requirement>;

struct Policy {
  std::string path;  ///< of the file
  Requirements fallback;
  std::map<std::string, std::map<std::string, Requirements>> transports;
  /// The demands of the first scope there is, of the transport's default (""), or of all images.
  const Requirements& of(const std::string& transport, const std::vector<std::string>& scopes) const;
};

/// Throws Errc::invalid naming the file and the place in it.
Policy parse_policy(std::string_view text, const std::string& path);
/// $HOME/.config/containers/policy.json, else /etc/containers/policy.json; nullopt: there is none.
std::optional<Policy> load_policy();

/// An image as it was asked for, or as a signature says: "docker.io/library/redis", and a tag or a digest or neither.
struct ImageReference {
  std::string repository, tag, digest;
};
/// Names as those tools write them out: Docker Hub is docker.io, with library/. nullopt: no reference.
std::optional<ImageReference> canonical_reference(std::string_view text);

/// Scopes of the transport docker, most specific first: with tag or digest, the repository, its parents, the host,
/// *.DOMAIN.
std::vector<std::string> docker_scopes(const ImageReference& image);
/// Of oci and oci-archive: PATH:NAME, PATH, its parents without the root.
std::vector<std::string> path_scopes(const std::string& path, const std::string& name);

bool matches(const SignedIdentity& identity, const ImageReference& asked, const ImageReference& claimed);

}  // namespace rkt::keystore
