// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/blobs.h"

#include <memory>

#include "base/error.h"
#include "base/strings.h"
#include "worker/fetch/download.h"
#include "worker/fetch/url.h"

namespace rkt::fetch {
namespace {

// One blob on its way.
struct Pull {
  const BlobWant* want = nullptr;
  std::size_t index = 0;  // of the request
  ToFile file;
  int attempts = 0;
  bool began_again = false;
  std::size_t next_url = 0;  // of want->urls; above 0 the registry has been asked
};

ToFile make_file(Session& session, const BlobWant& want, std::size_t index) {
  return {want.file,
          {.name = want.digest,
           .have = want.resume_from,
           .validator = {},
           .if_none_match = {},
           .if_modified_since = {},
           .max_size = want.size == 0 ? want.max_size : 0,
           .size = want.size == 0 ? std::nullopt : std::optional(want.size),
           .digest = want.digest},
          [&session, index](std::uint64_t done, std::uint64_t total) { session.progress(index, done, total); },
          [](const Head&, std::uint64_t) {}};
}

// What was left of an earlier download may be at fault for a wrong digest: once, everything is asked for again.
bool complete(Pull& pull) {
  try {
    pull.file.complete();
    return true;
  } catch (const Error& e) {
    if (e.code() != Errc::invalid || !pull.file.resumed() || pull.began_again || !pull.file.restart()) throw;
    pull.began_again = true;
    return false;
  }
}

bool may_ask(const Session& session, const std::string& url) {
  try {
    const Url place = parse_url(url);
    return place.tls() || session.options().allow_http || session.access(place.authority).insecure;
  } catch (const Error&) {
    return false;
  }
}

// A place of which no answer can be had, or that has something else.
bool is_of_place(const Error& e) noexcept {
  return e.code() == Errc::network || e.code() == Errc::untrusted || e.code() == Errc::denied ||
         e.code() == Errc::invalid;
}

// The next place outside of the registry, if there is one.
bool look_elsewhere(const Session& session, Pull& pull, Get& get) {
  while (pull.next_url < pull.want->urls.size()) {
    const std::string& url = pull.want->urls[pull.next_url++];
    if (!may_ask(session, url)) continue;
    get.url = url;
    get.authorization.clear();
    get.only_tls = !session.options().allow_http;
    return true;
  }
  return false;
}

}  // namespace

void fetch_blobs(Session& session, Engine& engine, Registry& registry, const std::vector<BlobWant>& wants,
                 const std::function<void(std::size_t)>& done) {
  std::vector<std::unique_ptr<Pull>> pulls;
  std::vector<Get> gets;
  for (std::size_t i = 0; i < wants.size(); ++i) {
    const BlobWant& want = wants[i];
    oci::check_digest_syntax(want.digest);
    auto pull = std::make_unique<Pull>(Pull{.want = &want, .index = i, .file = make_file(session, want, i)});
    if (pull->file.is_full() && complete(*pull)) {
      done(i);
      continue;
    }
    gets.push_back(registry.request(want.where, cat("/blobs/", want.digest), pull->file));
    if (want.where.base_url.empty() && !look_elsewhere(session, *pull, gets.back()))
      throw Error(Errc::denied, cat("none of the URLs of ", want.digest, " is https"));
    pulls.push_back(std::move(pull));
  }
  for (std::size_t i = 0; i < gets.size(); ++i)
    gets[i].failed = [&, i](const Error& e) { return is_of_place(e) && look_elsewhere(session, *pulls[i], gets[i]); };
  engine.run(gets, kParallelBlobs, [&](std::size_t i, const Head& head) {
    Pull& pull = *pulls[i];
    const bool ok = head.status == 200 || (head.status == 206 && pull.file.resumed());
    if (ok && !complete(pull)) return Engine::Next::again;
    if (ok) {
      done(pull.index);
      return Engine::Next::finished;
    }
    if (pull.next_url == 0 && pull.attempts++ < Registry::kMaxAttempts &&
        registry.authorize(pull.want->where, gets[i], head))
      return Engine::Next::again;
    if ((head.status == 206 || head.status == 416) && pull.file.restart()) return Engine::Next::again;
    if (look_elsewhere(session, pull, gets[i])) return Engine::Next::again;
    throw_registry_status(head);
  });
}

}  // namespace rkt::fetch
