// SPDX-License-Identifier: Apache-2.0
// The pull side of the distribution API, version 2: documents of an image, and who may ask for its blobs. Answers of
// 401 are met with what they ask for: a token from the realm they name, or the account that rkt passed for the host.
// Passwords and refresh tokens only travel over https, and only to realms that were named over https.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "worker/fetch/documents.h"
#include "worker/fetch/engine.h"

namespace rkt::fetch {

/// One repository as it is reached.
struct Repository {
  std::string host, name;
  std::string base_url;  ///< "https://HOST", or "http://HOST" where that was allowed and https was not to be had
};

class Registry {
 public:
  Registry(Session& session, Engine& engine) : session_(session), engine_(engine) {}

  /// Follows `reference` (a tag or a digest) to the image for this platform. Settles `where.base_url`, if it is empty.
  ImageDocuments resolve(Repository& where, const std::string& reference, const appc::OciPlatform& platform);

  /// Settles `where.base_url` without asking for anything of the repository.
  void reach(Repository& where);
  /// Runs a request below the repository with the authorizations that it takes. Throws for answers of other kinds than
  /// `statuses`.
  Head perform(const Repository& where, Get get, std::initializer_list<long> statuses);

  /// One small document below the repository: "/manifests/…", "/blobs/…", "/referrers/…". nullopt: there is none (404).
  /// Referrers may go on at another page of the same repository; a link to elsewhere is not followed.
  std::optional<Document> find_document(const Repository& where, const std::string& path);

  /// A GET below the repository with the Authorization that last worked there: "/blobs/…".
  Get request(const Repository& where, std::string_view path, Receiver& receiver) const;
  /// An answer to that. true: it was a 401 of the registry itself, and `get` now carries something better; to be asked
  /// for at most kMaxAttempts times a request. What other origins say is not listened to.
  bool authorize(const Repository& where, Get& get, const Head& head);
  static constexpr int kMaxAttempts = 2;

 private:
  Document document(const Repository& where, const std::string& path, std::vector<std::string> accept, bool probe);
  Document first_manifest(Repository& where, const std::string& reference);
  std::string token(const Repository& where, const std::string& realm, const std::string& service,
                    const std::string& scope);
  Get token_request(const Repository& where, const std::string& realm, const std::string& service,
                    const std::string& scope) const;
  std::string basic(const Repository& where, std::string_view url) const;
  bool http_allowed(const Repository& where) const;
  bool may_know_secrets(const Repository& where, std::string_view url) const;

  Session& session_;
  Engine& engine_;
  std::map<std::string, std::string> authorizations_;  // base URL and repository -> Authorization
};

/// What a registry says about its refusal, `{"errors":[{"code","message"},…]}`: "CODE: message", the first few, cut
/// where they are long; "" when it says nothing. A stranger's text.
std::string registry_reason(std::string_view body);

/// What an answer to nobody's liking becomes: "Unexpected HTTP code: N, URL: U", and the registry's reason.
[[noreturn]] void throw_registry_status(const Head& head);

}  // namespace rkt::fetch
