// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/registry.h"

#include <algorithm>

#include "base/base64.h"
#include "base/error.h"
#include "base/escapes.h"
#include "base/strings.h"
#include "json/reader.h"
#include "schema/oci/media_types.h"
#include "worker/fetch/challenge.h"
#include "worker/fetch/download.h"
#include "worker/fetch/protocol.h"
#include "worker/fetch/url.h"

namespace rkt::fetch {
namespace {

constexpr std::size_t kMaxToken = std::size_t{64} << 10;
// Where http is allowed, a port that does not speak TLS must not take longer than this to say so.
constexpr std::chrono::seconds kRegistryConnect{2};
constexpr std::string_view kClient = "rkt";
constexpr std::string_view kReferrers = "/referrers/";

std::vector<std::string> accepted_manifests() {
  std::vector<std::string> out;
  for (const auto type : {oci::kIndexType, oci::kDockerListType, oci::kManifestType, oci::kDockerManifestType})
    out.push_back(cat("Accept: ", type));
  out.push_back(cat("Accept: ", oci::kSignedSchema1Type, ";q=0.1"));
  return out;
}

// It becomes part of a header line.
void check_token(const std::string& token) {
  const bool good = !token.empty() && std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!good) throw Error(Errc::invalid, "the registry's token is none");
}

std::string key_of(const Repository& where) { return cat(where.base_url, " ", where.name); }

void ask_once(Get& get) {
  get.retries = 0;
  get.connect_timeout = kRegistryConnect;
}

constexpr std::size_t kMaxReasons = 3, kMaxReason = 300;

std::string reason_in(const json::Reader& error) {
  const std::string code = error.text_or("code", ""), message = error.text_or("message", "");
  return cat(code, code.empty() || message.empty() ? "" : ": ", message).substr(0, kMaxReason);
}

// The path below the repository that a link on a page of referrers leads to; "": elsewhere, where nobody's password has
// business.
std::string next_page(const Repository& where, const std::string& path, const std::string& link) {
  const std::string root = cat(where.base_url, "/v2/", where.name), here = path.substr(0, path.find('?'));
  std::string url = link;
  if (link.starts_with('?'))
    url = cat(root, here, link);
  else if (link.starts_with('/') && !link.starts_with("//"))
    url = cat(where.base_url, link);
  if (!url.starts_with(cat(root, kReferrers)) || url.find("/.") != std::string::npos) return {};
  return url.substr(root.size());
}

}  // namespace

std::string registry_reason(std::string_view body) {
  std::string out;
  try {
    const json::Value value = json::parse(body);
    const auto errors = json::Reader(value, "errors").at("errors").elements();
    for (std::size_t i = 0; i < std::min(errors.size(), kMaxReasons); ++i) {
      const std::string reason = reason_in(errors[i]);
      if (!reason.empty()) out += cat(out.empty() ? "" : "; ", reason);
    }
  } catch (const Error&) {
    return {};  // not what the protocol says, often a page of some proxy's: the status is all there is
  }
  return out;
}

void throw_registry_status(const Head& head) {
  const std::string reason = registry_reason(head.refusal);
  Error failed(code_of_status(head.status), cat("Unexpected HTTP code: ", head.status, ", URL: ", shown_url(head.url),
                                                reason.empty() ? "" : ": ", reason));
  // Who has been told why needs no guess.
  if (head.status == 401 || (head.status == 403 && reason.empty()))
    failed.hint(parse_url(head.url).tls()
                    ? "the registry wants other credentials (dockerAuth in auth.d, auth.json, config.json)"
                    : "passwords are not sent over http");
  throw failed;
}

bool Registry::http_allowed(const Repository& where) const {
  return session_.options().allow_http || session_.access(where.host).insecure;
}

// A realm that anybody on the way may have named is not told who we are, whatever it speaks itself.
bool Registry::may_know_secrets(const Repository& where, std::string_view url) const {
  return parse_url(url).tls() && parse_url(where.base_url).tls();
}

std::string Registry::basic(const Repository& where, std::string_view url) const {
  const Access& account = session_.access(where.host);
  if (account.user.empty() || !may_know_secrets(where, url)) return {};
  return cat("Basic ", base64_encode(cat(account.user, ":", account.password)));
}

Get Registry::token_request(const Repository& where, const std::string& realm, const std::string& service,
                            const std::string& scope) const {
  const Access& account = session_.access(where.host);
  const std::string scopes = scope.empty() ? cat("repository:", where.name, ":pull") : scope;
  Get out{.url = realm, .only_tls = !http_allowed(where)};
  if (!account.identity_token.empty() && may_know_secrets(where, realm)) {
    out.form = cat("grant_type=refresh_token&client_id=", kClient, "&service=", percent_encode(service),
                   "&scope=", percent_encode(scopes), "&refresh_token=", percent_encode(account.identity_token));
    return out;
  }
  std::string query;
  if (!service.empty()) query = cat("service=", percent_encode(service), "&");
  for (const auto one : split(scopes, ' '))
    if (!one.empty()) query += cat("scope=", percent_encode(one), "&");
  if (query.ends_with('&')) query.pop_back();
  out.url = with_query(realm, query);
  out.authorization = basic(where, out.url);
  return out;
}

std::string Registry::token(const Repository& where, const std::string& realm, const std::string& service,
                            const std::string& scope) {
  Get get = token_request(where, realm, service, scope);
  if (!parse_url(get.url).tls() && !http_allowed(where))
    throw Error(Errc::denied, cat("the registry wants a token from ", shown_url(get.url), ", over http"));
  ToMemory text(kMaxToken, {});
  get.receiver = &text;
  const std::string url = get.url;
  const Head head = engine_.run(std::move(get));
  if (head.status == 400 || head.status == 401 || head.status == 403) {
    const std::string reason = registry_reason(head.refusal);
    throw Error(Errc::denied, cat("unable to retrieve auth token: ", head.status, " from ", shown_url(url),
                                  reason.empty() ? "" : ": ", reason));
  }
  if (head.status != 200) throw_registry_status(head);
  const json::Value value = json::parse(text.text(), {.bytes = kMaxToken});
  const json::Reader in(value, "token");
  std::string out = in.text_or("token", "");
  if (out.empty()) out = in.text_or("access_token", "");
  check_token(out);
  return out;
}

Get Registry::request(const Repository& where, std::string_view path, Receiver& receiver) const {
  const auto known = authorizations_.find(key_of(where));
  return {.url = cat(where.base_url, "/v2/", where.name, path),
          .authorization = known == authorizations_.end() ? std::string{} : known->second,
          .receiver = &receiver,
          .only_tls = !http_allowed(where)};
}

bool Registry::authorize(const Repository& where, Get& get, const Head& head) {
  // Another place that the registry redirects to, or that it wants an upload to go to, has nothing to ask for.
  const std::string registry = parse_url(where.base_url).origin();
  if (head.status != 401 || parse_url(get.url).origin() != registry || parse_url(head.url).origin() != registry)
    return false;
  std::string& known = authorizations_[key_of(where)];
  if (known != get.authorization) {  // another request has learnt something meanwhile
    get.authorization = known;
    return true;
  }
  std::string better;
  for (const auto& field : head.all("www-authenticate"))
    for (const auto& challenge : parse_challenges(field)) {
      if (!better.empty()) continue;
      const std::string realm = challenge.parameter("realm");
      if (challenge.scheme == "bearer" && !realm.empty())
        better = cat("Bearer ", token(where, realm, challenge.parameter("service"), challenge.parameter("scope")));
      else if (challenge.scheme == "basic")
        better = basic(where, get.url);
    }
  if (better.empty() || better == get.authorization) return false;
  get.authorization = known = better;
  return true;
}

Document Registry::document(const Repository& where, const std::string& path, std::vector<std::string> accept,
                            bool probe) {
  ToMemory text(kMaxDocument, std::move(accept));
  Get get = request(where, path, text);
  if (probe) ask_once(get);
  const Head last = perform(where, std::move(get), {200});
  const std::string type = last.field("content-type");
  return {.bytes = text.text(),
          .media_type = lower(trim(std::string_view(type).substr(0, type.find(';')))),
          .next = path.starts_with(kReferrers) ? next_page(where, path, next_link(last.all("link"))) : std::string{}};
}

void Registry::reach(Repository& where) {
  const bool or_http = http_allowed(where);
  where.base_url = cat("https://", where.host);
  try {
    ToMemory text(kMaxDocument, {});
    Get get{.url = cat(where.base_url, "/v2/"), .receiver = &text, .only_tls = !or_http};
    if (or_http) ask_once(get);
    engine_.run(std::move(get));  // any answer will do
  } catch (const Error& e) {
    if (!or_http || e.code() != Errc::network) throw;
    session_.debug(e.brief());
    where.base_url = cat("http://", where.host);
  }
}

Head Registry::perform(const Repository& where, Get get, std::initializer_list<long> statuses) {
  Head last;
  int attempts = 0;
  engine_.run(std::span<Get>(&get, 1), 1, [&](std::size_t, const Head& head) {
    last = head;
    const bool again = attempts++ < kMaxAttempts && authorize(where, get, head);
    return again ? Engine::Next::again : Engine::Next::finished;
  });
  if (std::ranges::find(statuses, last.status) == statuses.end()) throw_registry_status(last);
  return last;
}

std::optional<Document> Registry::find_document(const Repository& where, const std::string& path) {
  try {
    return document(where, path, path.starts_with("/manifests/") ? accepted_manifests() : std::vector<std::string>{},
                    false);
  } catch (const Error& e) {
    if (e.code() == Errc::not_found) return std::nullopt;
    throw;
  }
}

Document Registry::first_manifest(Repository& where, const std::string& reference) {
  const std::string path = cat("/manifests/", reference);
  if (!where.base_url.empty()) return document(where, path, accepted_manifests(), false);
  const bool or_http = http_allowed(where);
  where.base_url = cat("https://", where.host);
  try {
    return document(where, path, accepted_manifests(), or_http);
  } catch (const Error& e) {
    // Only when there is nothing that speaks TLS: an answer is an answer, and a bad certificate is not cured by none.
    if (!or_http || e.code() != Errc::network) throw;
    session_.debug(e.brief());
  }
  where.base_url = cat("http://", where.host);
  return document(where, path, accepted_manifests(), false);
}

ImageDocuments Registry::resolve(Repository& where, const std::string& reference, const appc::OciPlatform& platform) {
  DocumentSource source;
  source.manifest = [&](const std::string& which, const oci::Descriptor* expected) {
    if (expected == nullptr) return first_manifest(where, which);
    return document(where, cat("/manifests/", which), accepted_manifests(), false);
  };
  source.config = [&](const oci::Descriptor& expected) {
    if (expected.size > kMaxDocument)
      throw Error(Errc::invalid, cat(expected.digest, ": larger than the limit of ", kMaxDocument, " bytes"));
    return document(where, cat("/blobs/", expected.digest), {}, false).bytes;
  };
  return walk_image(reference, platform, source);
}

}  // namespace rkt::fetch
