// SPDX-License-Identifier: Apache-2.0
#include "keystore/policy.h"

#include <algorithm>
#include <array>

#include "base/base64.h"
#include "base/error.h"
#include "base/strings.h"
#include "json/reader.h"
#include "json/unique.h"
#include "schema/oci/image.h"
#include "sys/file.h"

namespace rkt::keystore {
namespace {

constexpr std::size_t kMaxPolicy = std::size_t{1} << 20;
constexpr std::string_view kDockerHub = "registry-1.docker.io";

void only(const json::Reader& in, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : in.members())
    if (std::ranges::find(known, name) == known.end()) in.fail(cat("unknown member ", quoted(name)));
}

std::string canonical_text(const json::Reader& in) {
  const auto ref = canonical_reference(in.text());
  if (!ref) in.fail("not a docker reference");
  return cat(ref->repository, ref->tag.empty() ? "" : ":", ref->tag, ref->digest.empty() ? "" : "@", ref->digest);
}

SignedIdentity read_identity(const json::Reader& in) {
  using Match = SignedIdentity::Match;
  static constexpr std::array<std::pair<std::string_view, Match>, 6> kNames = {
      {{"matchExact", Match::exact},
       {"matchRepoDigestOrExact", Match::repo_digest_or_exact},
       {"matchRepository", Match::repository},
       {"exactReference", Match::exact_reference},
       {"exactRepository", Match::exact_repository},
       {"remapIdentity", Match::remap}}};
  const std::string& type = in.at("type").text();
  const auto known = std::ranges::find(kNames, type, [](const auto& name) { return name.first; });
  if (known == kNames.end()) in.fail(cat("unknown type ", quoted(type)));
  SignedIdentity out{.match = known->second, .reference = {}, .prefix = {}, .signed_prefix = {}};
  if (out.match == Match::exact_reference) {
    only(in, {"type", "dockerReference"});
    const json::Reader reference = in.at("dockerReference");
    out.reference = canonical_text(reference);
    if (const auto ref = canonical_reference(reference.text()); ref && ref->tag.empty() && ref->digest.empty())
      reference.fail("contains neither a tag nor digest");
  } else if (out.match == Match::exact_repository) {
    only(in, {"type", "dockerRepository"});
    out.reference = canonical_text(in.at("dockerRepository"));
  } else if (out.match == Match::remap) {
    only(in, {"type", "prefix", "signedPrefix"});
    out.prefix = in.at("prefix").text();
    out.signed_prefix = in.at("signedPrefix").text();
    if (out.prefix.empty() || out.signed_prefix.empty()) in.fail("an empty prefix");
  } else {
    only(in, {"type"});
  }
  return out;
}

std::string decoded(const json::Reader& in) {
  auto bytes = base64_decode(in.text());
  if (!bytes) in.fail("not base64");
  return std::move(*bytes);
}

void read_keys(const json::Reader& in, Requirement& out) {
  int ways = 0;
  if (const auto path = in.find("keyPath")) {
    ++ways;
    out.key_files.push_back(path->text());
  }
  if (in.find("keyPaths")) {
    ++ways;
    out.key_files = in.texts("keyPaths");
  }
  if (const auto data = in.find("keyData")) {
    ++ways;
    out.keys.push_back(decoded(*data));
  }
  if (in.find("keyDatas")) {
    ++ways;
    for (const auto& data : in.items("keyDatas")) out.keys.push_back(decoded(data));
  }
  if (ways > 1 || (ways == 0 && out.unsupported.empty()) || (ways == 1 && out.keys.empty() && out.key_files.empty()))
    in.fail("exactly one of keyPath, keyPaths, keyData and keyDatas is needed");
}

Requirement read_requirement(const json::Reader& in) {
  Requirement out;
  const std::string& type = in.at("type").text();
  if (type == "insecureAcceptAnything" || type == "reject") {
    only(in, {"type"});
    if (type == "reject") out.kind = Requirement::Kind::reject;
    return out;
  }
  if (type == "signedBy") {
    out.kind = Requirement::Kind::openpgp;
    only(in, {"type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity"});
    if (in.at("keyType").text() != "GPGKeys") in.at("keyType").fail("only GPGKeys are known");
  } else if (type == "sigstoreSigned") {
    out.kind = Requirement::Kind::sigstore;
    only(in, {"type", "keyPath", "keyPaths", "keyData", "keyDatas", "signedIdentity", "fulcio", "pki",
              "rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas"});
    for (const char* member :
         {"fulcio", "pki", "rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas"})
      if (in.find(member)) out.unsupported = member;
  } else {
    in.fail(cat("unknown type ", quoted(type)));
  }
  read_keys(in, out);
  for (const auto& [name, value] : in.members())  // null is not the same as none, as for the others who read it
    if (name == "signedIdentity") out.identity = read_identity(value);
  return out;
}

Requirements read_requirements(const json::Reader& in) {
  Requirements out;
  for (const auto& one : in.elements()) out.push_back(read_requirement(one));
  if (out.empty()) in.fail("no requirements");
  return out;
}

// `prefix` covers `name`: it is the same, or ends where a component ends.
bool covers(std::string_view prefix, std::string_view name) {
  return name.starts_with(prefix) && (name.size() == prefix.size() || name[prefix.size()] == '/');
}

bool same(const ImageReference& a, const ImageReference& b) {
  return a.repository == b.repository && a.tag == b.tag && a.digest == b.digest;
}

bool repo_digest_or_exact(const ImageReference& asked, const ImageReference& claimed) {
  if (claimed.tag.empty() && claimed.digest.empty()) return false;
  return asked.digest.empty() ? same(asked, claimed) : asked.repository == claimed.repository;
}

}  // namespace

const Requirements& Policy::of(const std::string& transport, const std::vector<std::string>& scopes) const {
  const auto found = transports.find(transport);
  if (found == transports.end()) return fallback;
  for (const auto& scope : scopes)
    if (const auto one = found->second.find(scope); one != found->second.end()) return one->second;
  const auto general = found->second.find("");
  return general == found->second.end() ? fallback : general->second;
}

Policy parse_policy(std::string_view text, const std::string& path) {
  try {
    const json::Value value = json::parse_unique(text, {.bytes = kMaxPolicy, .depth = 16});
    const json::Reader in(value);
    only(in, {"default", "transports"});
    Policy out{.path = path, .fallback = read_requirements(in.at("default")), .transports = {}};
    if (value.as_object()->find("transports") != nullptr)  // null is no object here, as for the others who read it
      for (const auto& [transport, scopes] : in.at("transports").members())
        for (const auto& [scope, requirements] : scopes.members())
          out.transports[transport][scope] = read_requirements(requirements);
    return out;
  } catch (const Error& e) {
    throw Error(Errc::invalid, cat("policy ", quoted(path), ": ", e.cause()));
  }
}

std::optional<Policy> load_policy() {
  std::vector<std::string> places;
  if (const auto home = env("HOME"); home && !home->empty())
    places.push_back(cat(*home, "/.config/containers/policy.json"));
  places.emplace_back("/etc/containers/policy.json");
  for (const auto& path : places) {
    try {
      return parse_policy(read_file(path, kMaxPolicy), path);
    } catch (const Error& e) {
      if (e.sys_errno() != ENOENT && e.sys_errno() != ENOTDIR) throw;
    }
  }
  return std::nullopt;
}

std::optional<ImageReference> canonical_reference(std::string_view text) {
  try {
    const oci::Reference ref = oci::Reference::parse(text);
    const std::string host = lower(ref.host);
    ImageReference out{.repository = cat(host == kDockerHub ? "docker.io" : host, "/", ref.repository),
                       .tag = ref.tag,
                       .digest = ref.digest};
    // The parser adds a tag where there is none.
    const auto last = text.substr(text.rfind('/') == std::string_view::npos ? 0 : text.rfind('/'));
    if (last.find(':') == std::string_view::npos) out.tag.clear();
    return out;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::vector<std::string> docker_scopes(const ImageReference& image) {
  std::vector<std::string> out;
  if (!image.tag.empty()) out.push_back(cat(image.repository, ":", image.tag));
  if (!image.digest.empty()) out.push_back(cat(image.repository, "@", image.digest));
  std::string at = image.repository;
  for (;;) {
    out.push_back(at);
    const auto slash = at.rfind('/');
    if (slash == std::string::npos) break;
    at.resize(slash);
  }
  at.resize(std::min(at.size(), at.find(':')));
  for (auto dot = at.find('.'); dot != std::string::npos; dot = at.find('.', dot + 1))
    out.push_back(cat("*", at.substr(dot)));
  return out;
}

std::vector<std::string> path_scopes(const std::string& path, const std::string& name) {
  std::vector<std::string> out;
  std::string at = path;
  while (at.size() > 1 && at.ends_with('/')) at.pop_back();
  if (!name.empty()) out.push_back(cat(at, ":", name));
  for (; at.size() > 1; at.resize(at.rfind('/'))) {
    out.push_back(at);
    if (at.rfind('/') == std::string::npos) break;
  }
  return out;
}

bool matches(const SignedIdentity& identity, const ImageReference& asked, const ImageReference& claimed) {
  using Match = SignedIdentity::Match;
  const auto text = [](const ImageReference& r) {
    return cat(r.repository, r.tag.empty() ? "" : ":", r.tag, r.digest.empty() ? "" : "@", r.digest);
  };
  switch (identity.match) {
    case Match::exact:
      return !(asked.tag.empty() && asked.digest.empty()) && same(asked, claimed);
    case Match::repo_digest_or_exact:
      return repo_digest_or_exact(asked, claimed);
    case Match::repository:
      return asked.repository == claimed.repository;
    case Match::exact_reference:
      return text(claimed) == identity.reference;
    case Match::exact_repository:
      return claimed.repository == identity.reference;
    case Match::remap: {
      ImageReference other = asked;
      if (covers(identity.prefix, asked.repository))
        other.repository = cat(identity.signed_prefix, asked.repository.substr(identity.prefix.size()));
      return repo_digest_or_exact(other, claimed);
    }
  }
  return false;
}

}  // namespace rkt::keystore
