// SPDX-License-Identifier: Apache-2.0
// rkt's side of libexec/rkt/fetch: one worker process a FetchClient, started on first use, alive until the object goes.
// The worker is not trusted: whatever it reports is either checked by the caller (digests, signatures, names) or only
// shown. It runs as "rkt-fetch" where that account exists, else "nobody"; a caller that is not root keeps its own id.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/accounts.h"
#include "config/certificates.h"
#include "schema/appc/types.h"
#include "sys/fd.h"

namespace rkt::image {

/// Credentials for one host[:port] (appc auth.d). `header` is the complete value of Authorization. Only sent over
/// https, and never forwarded to another host.
struct HostAuth {
  std::string host, header;
};
/// The same for AWS S3: each request is signed.
struct AwsAuth {
  std::string host, id, secret, region;
};

struct FetchOptions {
  bool insecure_tls = false;  ///< --insecure-options=tls
  bool allow_http = false;    ///< --insecure-options=http: discovery and registries may fall back to http
  std::vector<HostAuth> auth;
  std::vector<AwsAuth> aws;
};

/// What holds for one registry. The password and the token are only sent over https.
struct RegistryAccess {
  config::Account account;
  config::Certificates certificates;
  bool insecure = false;  ///< certificates are not checked, and http will do
};

/// What a transfer looks like right now. `total` is 0 when unknown; `done` counts bytes that were there before (resume)
/// too.
struct Progress {
  std::string label;  ///< as passed with the request
  std::uint64_t done = 0, total = 0;
  bool finished = false;
};
using OnProgress = std::function<void(const Progress&)>;
/// Called before each wait for the worker, with its socket: may work on something else until that can be read.
using OnWait = std::function<void(int fd)>;

/// What the headers of an answer said, before any of its bytes arrived.
struct GetHeaders {
  std::string etag, last_modified;
  std::uint64_t size = 0;  ///< of the whole file; 0: unknown
};

/// GET of one URL into a file.
struct GetRequest {
  std::string url;
  int file = -1;                  ///< borrowed, opened for writing; bytes are appended at `resume_from`
  std::uint64_t resume_from = 0;  ///< 0: from the start
  std::string resume_validator;   ///< ETag or Last-Modified of the partial file, sent as If-Range
  std::string if_none_match;      ///< ETag of what the store has
  std::string if_modified_since;  ///< its Last-Modified, for a server that has no ETags
  std::uint64_t max_size = 0;     ///< 0: no limit; more bytes are an error while they stream
  std::string label;
  /// Called once when a 200 or 206 answer begins: what a later resume has to present must be stored before the bytes
  /// are.
  std::function<void(const GetHeaders&)> on_headers;
};
enum class GetOutcome { complete, not_modified, deferred /* HTTP 202 */ };
struct GetReply {
  GetOutcome outcome = GetOutcome::complete;
  std::string etag, last_modified;
  std::int64_t max_age = 0;  ///< Cache-Control, seconds; 0: none, no-store, no-cache
  std::uint64_t size = 0;    ///< of the whole file
  bool resumed = false;      ///< false: the server sent everything again and the file was truncated first
  bool over_tls = false;
};

struct Endpoint {
  std::string aci, asc;
};

/// A Docker/OCI manifest with everything that leads to it, as bytes. rkt checks the digests itself.
struct RegistryImage {
  std::string manifest, manifest_type;  ///< platform manifest
  std::string config;                   ///< "" for schema 1
  std::vector<std::string> digests;     ///< of the documents from what the reference named to the manifest
  std::string top_digest;               ///< digest of what the reference named (an index, or the manifest itself)
  std::string base_url;                 ///< where blobs come from: that of Repository
};

/// A repository of a registry and how it is reached.
struct Repository {
  std::string host;  ///< host[:port] that is contacted; "": none, only other places are asked
  std::string name;
  std::string base_url = {};  ///< as resolve() and reach() find it out
};

class FetchClient {
 public:
  FetchClient(FetchOptions options, OnProgress on_progress, OnWait on_wait = {});
  ~FetchClient();
  FetchClient(FetchClient&&) noexcept;

  /// Throws Errc::network (the library's text with the URL), not_found, denied, busy or unsupported
  /// ("bad HTTP status code: N, URL: U"), or Errc::invalid (too large).
  GetReply get(const GetRequest& request);
  /// appc meta discovery for name and labels (reference: images §2). First endpoint of the first prefix that has one.
  Endpoint discover(const std::string& name, const std::map<std::string, std::string>& labels);
  std::vector<std::string> discover_keys(const std::string& prefix);
  /// What holds for the registry at host[:port] in the requests that follow.
  void set_access(const std::string& host, const RegistryAccess& access);
  /// Manifest and config of a tag or digest, for this platform.
  RegistryImage resolve(const Repository& at, const std::string& tag_or_digest, const appc::OciPlatform& platform);
  /// One small document of a repository, not checked: "/manifests/TAG", "/blobs/DIGEST", "/referrers/DIGEST". nullopt:
  /// the registry has none.
  struct RepositoryDocument {
    std::string bytes, media_type;
    std::string next = {};  ///< of referrers: the path of the next page, or ""
  };
  std::optional<RepositoryDocument> find_document(const Repository& at, const std::string& path);
  /// The same repository with the base_url that the calls below need.
  Repository reach(Repository at);
  /// Sends a blob (the whole file, borrowed) that the repository does not have; `from`: a repository of the same
  /// registry that may have it, or "". false: nothing had to be sent.
  struct BlobPush {
    Repository to;
    std::string digest, from;
    std::uint64_t size = 0;
    int file = -1;
  };
  bool push_blob(const BlobPush& blob);
  void push_manifest(const Repository& to, const std::string& reference, const std::string& media_type,
                     const std::string& bytes);
  /// One blob of that repository, into a file.
  struct BlobRequest {
    Repository from;
    std::string digest;
    std::uint64_t size = 0;  ///< 0: unknown
    int file = -1;
    std::uint64_t resume_from = 0;
    std::string label;
    std::vector<std::string> urls = {};  ///< where to look when the repository has it not, without credentials
  };
  /// Downloads all of them, at most three at a time, in their order; calls `done(i)` as each is complete. Size and
  /// digest are checked while they stream, and a transfer stops at the first byte too many. Throws: the files of the
  /// others keep what came.
  void blobs(const std::vector<BlobRequest>& requests, const std::function<void(std::size_t)>& done);

 private:
  struct Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace rkt::image
