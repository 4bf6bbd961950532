// SPDX-License-Identifier: Apache-2.0
// ACIs from files, URLs and discovery. Order of events for what comes over the network (images §5.4): signature, is its
// issuer known at all, image, signature again if the server deferred it, verification of the bytes as downloaded, a
// look inside, name and labels, into the store.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "base/url.h"
#include "image/finder_impl.h"
#include "image/key_import.h"
#include "image/local_file.h"
#include "image/unpack_client.h"
#include "sys/file.h"

namespace rkt::image {
namespace {

constexpr std::size_t kMaxSignatureFile = std::size_t{1} << 20;

// IMAGE.aci -> IMAGE.aci.asc, of a URL's path: query and fragment stay behind it.
std::string signature_beside(const std::string& image) {
  const auto end = image.starts_with('/') ? std::string::npos : image.find_first_of("?#");
  const std::string tail = end == std::string::npos ? std::string{} : image.substr(end);
  std::string head = image.substr(0, end);
  if (head.ends_with(".aci")) head.resize(head.size() - 4);
  return cat(head, ".aci.asc", tail);
}

UniqueFd open_named(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) throw Error::from_errno(cat("open ", path));
  struct stat st{};
  if (::fstat(fd.get(), &st) == 0 && S_ISDIR(st.st_mode)) throw Error::from_errno(cat("read ", path), EISDIR);
  return fd;
}

// Reads a signature; says what can be done where there is none.
template <class Read>
auto with_remedy(Read&& read) {
  try {
    return read();
  } catch (Error& e) {
    if (e.code() == Errc::not_found)
      e.hint("the image needs a signature beside it or named by --signature; --insecure-options=image goes without");
    throw;
  }
}

std::string read_signature(const std::string& path) {
  return with_remedy([&] { return read_all(open_named(path).get(), path, kMaxSignatureFile); });
}

// Nothing was learnt about the image: it could not be had.
bool is_absence(const Error& e) {
  return e.code() == Errc::network || e.code() == Errc::busy || e.code() == Errc::not_found ||
         (e.code() == Errc::denied && e.sys_errno() == 0);
}

std::uint64_t size_of(int file) {
  struct stat st{};
  if (::fstat(file, &st) < 0) throw Error::from_errno("stat the image file");
  return static_cast<std::uint64_t>(st.st_size);
}

// Whole, or unless it is what the store has.
GetRequest request_for(const std::string& url, const std::optional<store::RemoteRecord>& known) {
  GetRequest request;
  request.url = url;
  request.label = "Downloading ACI";
  if (!known) return request;
  request.if_none_match = known->etag;
  if (known->etag.empty()) request.if_modified_since = known->last_modified;
  return request;
}

}  // namespace

store::ImageRecord Finder::Impl::find_file(const std::string& path, const std::string& signature_file) {
  const UniqueFd source = open_named(path);  // first: where there is no image, a signature is no remedy
  std::optional<std::string> signature;
  if (trust.required()) signature = read_signature(signature_file.empty() ? signature_beside(path) : signature_file);
  log::debug("image", cat("using image from file ", path));
  const KeyLock hold = store.hold_blobs();
  // Named like a download, so that the sweep can tell whether its owner still lives.
  const std::string name = unique_name("file");
  const KeyLock mine = KeyLock::take(store.locks(), name, LockMode::exclusive);
  const ScopeExit cleanup([&] {  // of what cannot be resumed; once it is in place there is no such file
    ::unlinkat(store.partial().get(), name.c_str(), 0);
    ::unlinkat(store.locks().get(), name.c_str(), 0);
  });
  const UniqueFd copy =
      in_place([&] { return quoted(path); }, [&] { return private_copy(source.get(), store.partial(), name); });
  return import_aci(copy.get(), name, signature, {.url = path});
}

store::ImageRecord Finder::Impl::find_url(const std::string& url, const std::string& signature_file) {
  RemoteAci want;
  want.url = url;
  want.signature_url = signature_beside(url);
  want.signature_file = signature_file;
  const std::string place = without_user_info(url);
  const auto row = store.find_remote(place);
  const auto image = stored_for(row);
  const PullStep step = plan_pull(options.pull, RemoteKind::url, standing_of(image, row ? &*row : nullptr));
  if (step == PullStep::use_store) {
    log::debug("image", options.pull == PullPolicy::update ? cat("image for ", place, " isn't expired, not fetching.")
                                                           : cat("using image from local store for url ", place));
    return *image;
  }
  if (step == PullStep::refuse_stored) throw trust.refusal_of(*image);
  if (step == PullStep::give_up) throw nothing_allowed(cat("image from URL ", quoted(place)));
  return fetch(want, row, step == PullStep::fetch_if_changed);
}

store::ImageRecord Finder::Impl::find_name(const appc::AppString& app, const std::string& signature_file) {
  RemoteAci want;
  want.signature_file = signature_file;
  want.expected = app;
  want.latest = !app.labels.contains("version");
  const auto known = store.find(app.name, app.labels);
  if (options.pull != PullPolicy::update) {
    const PullStep step = plan_pull(options.pull, RemoteKind::name, standing_of(known, nullptr));
    if (step == PullStep::use_store) {
      log::debug("image", cat("using image from local store for image name ", app.str()));
      return *known;
    }
    if (step == PullStep::refuse_stored) throw trust.refusal_of(*known);
    if (step == PullStep::give_up) throw nothing_allowed(cat("image from image name ", quoted(app.str())));
  }
  try {
    return find_remote(want, known);
  } catch (const Error& e) {
    // What stands in the store is the better explanation when nothing can be had elsewhere.
    if (options.pull == PullPolicy::update || !known || !is_absence(e)) throw;
    log::debug("image", e.brief());
    throw trust.refusal_of(*known);
  }
}

// A name without a dot is no host that anybody but a local network knows: who typed it may have meant a registry's.
Endpoint Finder::Impl::discover(const appc::AppString& app) {
  try {
    return client().discover(app.name, app.labels);
  } catch (Error& e) {
    if (e.code() != Errc::not_found || app.name.find('.') != std::string::npos) throw;
    constexpr std::array<std::string_view, 4> kOtherTools = {"containers-storage", "dir", "docker-archive",
                                                             "docker-daemon"};
    const bool other = std::ranges::find(kOtherTools, app.name) != kOtherTools.end();
    const std::string meant = other ? std::string("files and directories of other tools are taken by rkt image import")
                                    : cat("an image of a registry is docker://", app.name);
    throw e.hint(cat(e.remedy(), e.remedy().empty() ? "" : "; ", meant));
  }
}

store::ImageRecord Finder::Impl::find_remote(const RemoteAci& asked, const std::optional<store::ImageRecord>& known) {
  const appc::AppString& app = *asked.expected;
  if (trust.required()) discover_keys(app.name);
  log::debug("image", cat("searching for app image ", app.name));
  const Endpoint at = discover(app);
  RemoteAci want = asked;
  want.url = at.aci;
  want.signature_url = at.asc;
  const auto row = store.find_remote(without_user_info(want.url));
  const auto image = stored_for(row);
  // Only a name can tell whether a row of that URL is what was asked for: its image must still be the one that matches.
  const bool same = image && known && image->key == known->key;
  const PullStep step =
      plan_pull(PullPolicy::update, RemoteKind::url, same ? standing_of(image, &*row) : std::optional<Stored>{});
  if (step == PullStep::use_store) {
    log::debug("image", cat("image for ", row->url, " isn't expired, not fetching."));
    return *image;
  }
  return fetch(want, row, step == PullStep::fetch_if_changed);
}

void Finder::Impl::discover_keys(const std::string& name) {
  // Over a connection that anybody may have tampered with, keys are only fetched when that was asked for by its own
  // name.
  if (options.insecure.tls && !options.insecure.pubkey) return;
  if (keys->has_prefix_keys(name)) {
    log::note("image", cat("keys already exist for prefix ", quoted(name), ", not fetching again"));
    return;
  }
  trust_discovered_keys(*keys, client(), name, options.insecure, options.trust_keys_from_https);
}

store::ImageRecord Finder::Impl::fetch(const RemoteAci& want, const std::optional<store::RemoteRecord>& known,
                                       bool conditional) {
  // A password in a URL is for the server alone.
  const std::string place = without_user_info(want.url);
  const std::string signature_place = without_user_info(want.signature_url);
  const std::string source = source_name("url", place);
  const KeyLock hold = store.hold_blobs();
  const SourceLock lock = take_source(store, source, "Downloading ACI", show);
  if (auto done = stored_meanwhile(place, known)) return *done;
  const auto unless_changed = conditional ? known : std::nullopt;

  const bool local_signature = !want.signature_file.empty();
  std::optional<std::string> signature;
  const auto download_signature = [&] {
    log::debug("image", cat("downloading signature from ", signature_place));
    return in_context(
        [] { return std::string("error downloading the signature file"); },
        [&] {
          return with_remedy([&] { return download_text(client(), want.signature_url, "Downloading signature"); });
        });
  };
  if (trust.required()) {
    signature = local_signature ? read_signature(want.signature_file) : download_signature();
    if (!signature) log::note("image", "server requested deferring the signature download");
    if (signature && want.expected) trust.check_issuer_for(*signature, want.expected->name);
  }

  log::debug("image", cat("remote fetching from URL ", quoted(place)));
  Partial partial(store, source);
  const GetReply reply = download(client(), partial, request_for(want.url, unless_changed));
  if (reply.outcome == GetOutcome::deferred) throw Error(Errc::busy, cat("bad HTTP status code: 202, URL: ", place));
  store::RemoteRecord row{place, signature_place, reply.etag, reply.last_modified, {}, reply.max_age, now()};
  if (reply.outcome == GetOutcome::not_modified && unless_changed) {
    partial.discard();
    row.key = unless_changed->key;
    row.etag = unless_changed->etag;
    row.last_modified = unless_changed->last_modified;
    store.add_remote(row);
    auto image = store.find(row.key);
    if (!image) throw Error(Errc::not_found, "the stored image was removed meanwhile").hint("try again");
    return std::move(*image);
  }
  try {
    if (trust.required() && !signature) signature = download_signature();
    if (trust.required() && !signature)
      throw Error(Errc::busy, "error downloading the signature file: server asked to defer the download again");
    store::ImageRecord image = import_aci(partial.file(), partial.name(), signature, want);
    partial.discard();
    row.key = image.key;
    store.add_remote(row);
    return image;
  } catch (const Error&) {
    partial.discard();  // complete, and not what was wanted: nothing to resume
    throw;
  }
}

// The signature was verified when the image was stored; the same tar needs no other.
void Finder::Impl::restore_aci(const std::string& url, const std::string& blob) {
  const std::string source = source_name("url", url);
  const SourceLock lock = take_source(store, source, "Downloading ACI", show);
  if (store.find_blob(blob)) return;
  Partial partial(store, source);
  try {
    const GetReply reply = download(client(), partial, request_for(url, {}));
    if (reply.outcome != GetOutcome::complete) throw Error(Errc::busy, "the server did not send the image");
    if (cat("sha512-", scan_aci(partial.file()).digest) != blob) {
      partial.discard();
      throw Error(Errc::not_found, cat("there is another image at ", url, " now"));
    }
    store.commit_blob(partial.name(), blob);
    partial.discard();
  } catch (const Error& e) {
    if (!is_absence(e)) partial.discard();
    throw;
  }
}

namespace {

// Several images may have been asked for: which one is wrong is a part of the error. `place` may be "".
std::pair<AciScan, appc::ImageManifest> understand_aci(int file, const std::string& place) {
  try {
    AciScan scan = scan_aci(file);
    appc::ImageManifest manifest = appc::parse_image_manifest(scan.manifest);
    return {std::move(scan), std::move(manifest)};
  } catch (Error& e) {
    if (!place.empty() && e.code() == Errc::invalid) e.at(quoted(without_user_info(place)));
    throw;
  }
}

}  // namespace

store::ImageRecord Finder::Impl::import_aci(int file, const std::string& staging,
                                            const std::optional<std::string>& signature, const RemoteAci& want) {
  std::string fingerprint;
  // By name the key is known before anything inside is looked at; otherwise the name comes from the manifest.
  if (trust.required() && want.expected) fingerprint = trust.verify(file, *signature, want.expected->name);
  const auto [scan, manifest] = understand_aci(file, want.url);
  if (trust.required() && !want.expected) fingerprint = trust.verify(file, *signature, manifest.name);
  if (trust.required() && want.expected) check_identity(manifest, want.expected->name, want.expected->labels);

  store::ImageRecord image;
  image.key = appc::ImageId::from_digest(scan.digest).key();
  image.kind = store::ImageKind::aci;
  image.name = manifest.name;
  image.version = manifest.version();
  image.manifest = appc::write(manifest);
  image.blobs = {cat("sha512-", scan.digest)};
  image.signed_by = fingerprint;
  image.imported = image.last_used = now();
  image.latest = want.latest;
  image.size = scan.tar_size;
  last_file_size = size_of(file);
  store.commit_blob(staging, image.blobs.front());
  record(image);
  return image;
}

}  // namespace rkt::image
