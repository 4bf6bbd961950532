// SPDX-License-Identifier: Apache-2.0
// Docker and OCI images from registries. Documents are checked against their digests here; layers by the worker that
// streams them, and what they unpack to when they are rendered.
#include <algorithm>
#include <array>

#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "image/finder_impl.h"
#include "image/local_file.h"
#include "image/oci_blobs.h"
#include "image/schema1_image.h"
#include "image/stored_reference.h"
#include "schema/oci/schema1.h"
#include "sys/digest.h"

namespace rkt::image {
namespace {

using oci::blob_name;

// The result for the first of `places` (mirrors, then the registry; the meanings of a short name) where there is one.
// What the last one died of is the error, and the others are named with it. What `prepare` throws is no reason to look
// elsewhere: this machine's configuration is at fault.
template <class Places, class Shown, class Prepare, class Try>
store::ImageRecord first_that_works(const Places& places, const Shown& shown, const Prepare& prepare,
                                    const Try& try_one) {
  std::string before;
  for (std::size_t i = 0;; ++i) {
    const auto prepared = prepare(places.at(i));
    try {
      return try_one(places[i], prepared);
    } catch (Error& e) {
      constexpr std::array kElsewhere = {Errc::network, Errc::busy,      Errc::not_found,  Errc::denied,
                                         Errc::invalid, Errc::untrusted, Errc::unsupported};
      const bool elsewhere = std::ranges::find(kElsewhere, e.code()) != kElsewhere.end();
      if (elsewhere && i + 1 < places.size()) {
        log::debug("image", cat(shown(places[i]), ": ", e.brief()));
        before += cat(before.empty() ? "" : "; ", shown(places[i]), ": ", e.cause());
        continue;
      }
      if (before.empty()) throw;
      e.hint(cat(e.remedy(), e.remedy().empty() ? "" : "; ", "tried before: ", before));
      throw;
    }
  }
}

}  // namespace

// What is typed may mean another name by now (registries.conf), which the signature says nothing about; nor does one
// for another tag, where a policy wants to know.
bool Finder::Impl::stored_as(const store::ImageRecord& image, const std::string& reference) {
  const auto named = [&](const oci::Reference& ref) {
    const OciSubject subject = registry_subject(ref, {}, {});
    return image.name == subject.name && (ref.tag == image.version || !trust.policy_demands(subject));
  };
  if (!trust.required() || named(oci::Reference::parse(reference))) return true;
  const auto meanings = registries.references(reference);
  return std::ranges::any_of(meanings, [&](const auto& text) { return named(oci::Reference::parse(text)); });
}

store::ImageRecord Finder::Impl::find_docker(const std::string& reference) {
  const std::string url = cat("docker://", reference);
  const auto row = store.find_remote(url);
  auto stored = stored_for(row);
  if (stored && !stored_as(*stored, reference)) stored.reset();
  if (!stored && options.pull != PullPolicy::update) stored = find_stored_reference(store, registries, reference);
  const PullStep step = plan_pull(options.pull, RemoteKind::docker, standing_of(stored, row ? &*row : nullptr));
  if (step == PullStep::use_store) {
    log::debug("image", cat("using image from local store for url ", url));
    return *stored;
  }
  if (step == PullStep::refuse_stored) throw trust.refusal_of(*stored);
  if (step == PullStep::give_up) throw nothing_allowed(cat("docker image from URL ", quoted(url)));

  const KeyLock hold = store.hold_blobs();
  const SourceLock lock = take_source(store, source_name("ref", url), cat("Downloading ", reference), show);
  if (auto done = stored_meanwhile(url, row); done && stored_as(*done, reference)) return *done;
  log::debug("image", cat("fetching image from ", url));
  const store::ImageRecord image = pull_any(reference);
  store.add_remote({.url = url, .key = image.key, .downloaded = now()});
  forget_superseded(store, image);
  return image;
}

store::ImageRecord Finder::Impl::pull_any(const std::string& reference) {
  try {
    return first_that_works(
        registries.references(reference), [](const auto& name) { return cat("docker://", name); },
        oci::Reference::parse, [&](const auto&, const oci::Reference& ref) { return pull(ref, reference); });
  } catch (Error& e) {
    // What is wrong with a document says nothing of whose it is.
    if (e.code() == Errc::invalid || e.code() == Errc::unsupported) e.at(cat("docker://", reference));
    throw;
  }
}

store::ImageRecord Finder::Impl::pull(const oci::Reference& ref, const std::string& typed) {
  const auto sources = registries.sources(ref);
  return first_that_works(
      sources, [](const auto& source) { return cat(source.host, "/", source.repository); },
      [&](const auto& source) { return registries.access(source, ref.host); },
      [&](const auto& source, const RegistryAccess& access) {
        client().set_access(contacted_host(source.host), access);
        return pull_from(source, ref, typed);
      });
}

store::ImageRecord Finder::Impl::pull_from(const config::PullSource& source, const oci::Reference& ref,
                                           const std::string& typed) {
  Repository from{.host = contacted_host(source.host), .name = source.repository};
  RegistryImage got = client().resolve(from, ref.digest.empty() ? ref.tag : ref.digest, appc::host_platform());
  from.base_url = got.base_url;
  if (!ref.digest.empty() && got.top_digest != ref.digest)
    throw Error(Errc::untrusted, cat("asked for ", ref.digest, ", the registry sent ", got.top_digest));
  const std::string name = cat(ref.host, "/", ref.repository);
  const OciSubject subject = registry_subject(ref, typed, got.digests);
  RegistrySignatures signatures(client(), from, subject.asked);
  const std::string signed_by = trust.vouch_for(subject, signatures);
  if (oci::is_schema1_type(got.manifest_type)) got = converted(store, client(), show, from, ref, std::move(got));
  const oci::Manifest manifest = oci::parse_manifest(got.manifest, got.manifest_type);
  const std::string digest = cat("sha256:", sha256_hex(got.manifest));
  check_bytes(manifest.config, got.config);
  store::ImageRecord image =
      make_record(got.manifest, manifest, got.config, {name, typed, ref.host, ref.repository, ref.tag, digest});
  image.signed_by = signed_by;
  ScopeExit end([&] {
    if (options.layer_user != nullptr) options.layer_user->end();
  });
  if (options.layer_user != nullptr) options.layer_user->begin(image, manifest, oci::parse_config(got.config));
  fetch_layers(store, client(), show, from, manifest.layers);
  check_sizes(store, manifest.layers);
  commit_bytes(store, image.blobs[0], got.manifest);
  commit_bytes(store, image.blobs[1], got.config);
  record(image);
  end.release();
  return image;
}

// Asks for the very manifest that is stored, whatever the tag names by now, and takes what the store lacks.
void Finder::Impl::restore_docker(const std::string& reference, const store::ImageRecord& image) {
  const SourceLock lock =
      take_source(store, source_name("ref", cat("docker://", reference)), cat("Downloading ", reference), show);
  const std::string digest = oci::digest_of_blob(image.blobs.at(0));
  const auto pinned = [&](const std::string& text) {
    oci::Reference ref = oci::Reference::parse(text);
    ref.tag.clear();
    ref.digest = digest;
    return ref;
  };
  first_that_works(
      registries.references(reference), [](const auto& name) { return cat("docker://", name); }, pinned,
      [&](const auto&, const oci::Reference& ref) {
        return first_that_works(
            registries.sources(ref), [](const auto& source) { return cat(source.host, "/", source.repository); },
            [&](const auto& source) { return registries.access(source, ref.host); },
            [&](const auto& source, const RegistryAccess& access) {
              client().set_access(contacted_host(source.host), access);
              restore_from(source, digest);
              return image;
            });
      });
}

void Finder::Impl::restore_from(const config::PullSource& source, const std::string& digest) {
  Repository from{.host = contacted_host(source.host), .name = source.repository};
  const RegistryImage got = client().resolve(from, digest, appc::host_platform());
  from.base_url = got.base_url;
  if (cat("sha256:", sha256_hex(got.manifest)) != digest)
    throw Error(Errc::untrusted, cat("asked for ", digest, ", the registry sent another manifest"));
  const oci::Manifest manifest = oci::parse_manifest(got.manifest, got.manifest_type);
  check_bytes(manifest.config, got.config);
  fetch_layers(store, client(), show, from, manifest.layers);
  commit_bytes(store, blob_name(digest), got.manifest);
  commit_bytes(store, blob_name(manifest.config.digest), got.config);
}

}  // namespace rkt::image
