// SPDX-License-Identifier: Apache-2.0
// Docker and OCI images from registries and layouts. Blobs are stored as they are; the manifest of the image is what
// its configuration maps to. Documents are checked against their digests here; layers by the worker that streams them,
// and what they unpack to when they are rendered.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "image/docker_archive.h"
#include "image/finder_impl.h"
#include "image/local_file.h"
#include "image/stored_reference.h"
#include "image/unpack_client.h"
#include "schema/oci/schema1.h"
#include "sys/digest.h"
#include "sys/file.h"

namespace rkt::image {
namespace {

std::string blob_name(const std::string& digest) {
  oci::check_digest_syntax(digest);
  std::string name = digest;
  name[digest.find(':')] = '-';
  return name;
}

// Layers by blob name: each once, in the order in which their locks are taken.
std::map<std::string, oci::Descriptor> distinct(const std::vector<oci::Descriptor>& layers) {
  std::map<std::string, oci::Descriptor> out;
  for (const auto& layer : layers) out.emplace(blob_name(layer.digest), layer);
  return out;
}

void commit_bytes(store::Store& store, const std::string& name, std::string_view bytes) {
  if (store.find_blob(name)) return;
  const std::string staging = unique_name("document");
  ScopeExit cleanup([&] { ::unlinkat(store.partial().get(), staging.c_str(), 0); });
  write_file(store.partial(), staging, bytes, 0600);
  store.commit_blob(staging, name);
  cleanup.release();
}

// Who wrote the manifest may know the digest of a layer that another image brought, but not state another size for it.
void check_sizes(const store::Store& store, const std::vector<oci::Descriptor>& layers) {
  for (const auto& layer : layers) {
    struct stat st{};
    if (::fstat(store.open_blob(blob_name(layer.digest)).get(), &st) < 0) throw Error::from_errno("stat a layer");
    if (static_cast<std::uint64_t>(st.st_size) == layer.size) continue;
    Error e(Errc::invalid, cat("layer ", layer.digest, " has ", st.st_size, " bytes instead of ", layer.size));
    throw e.hint("if the image is right, the store is damaged: `rkt store check --repair` mends it");
  }
}

store::ImageRecord make_record(const std::string& manifest_bytes, const oci::Manifest& manifest,
                               const std::string& config_bytes, const oci::MappingSource& source) {
  const oci::Config config = oci::parse_config(config_bytes);
  if (config.diff_ids.size() != manifest.layers.size())
    throw Error(Errc::invalid, cat("the image has ", manifest.layers.size(), " layers, but its configuration names ",
                                   config.diff_ids.size()));
  for (const auto& layer : manifest.layers) {
    (void)oci::layer_compression(layer.media_type);
    if (layer.size == 0) throw Error(Errc::invalid, cat("layer ", layer.digest, " of the image has size 0"));
  }
  const appc::ImageManifest mapped = in_context([] { return std::string("error converting docker image to ACI"); },
                                                [&] { return oci::map_to_appc(manifest, config, source); });
  appc::check_runnable(mapped.labels);
  store::ImageRecord image;
  image.key = oci::image_id(manifest_bytes, mapped).key();
  image.kind =
      manifest.media_type.find("docker") != std::string::npos ? store::ImageKind::docker : store::ImageKind::oci;
  image.name = mapped.name;
  image.version = mapped.version();
  image.manifest = appc::write(mapped);
  image.blobs = {blob_name(source.manifest_digest), blob_name(manifest.config.digest)};
  for (const auto& layer : manifest.layers) image.blobs.push_back(blob_name(layer.digest));
  image.chain = oci::chain_ids(config.diff_ids);
  image.imported = image.last_used = now();
  image.latest = source.tag == "latest";
  image.size = manifest_bytes.size() + config_bytes.size();
  for (const auto& [name, layer] : distinct(manifest.layers)) image.size += layer.size;
  return image;
}

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

struct BlobPlace {
  std::string host, repository, base_url;
};

// Downloads what the store lacks. Locks are taken one after the other in the order of blob names, and each is given
// back as soon as its blob is in place.
void fetch_layers(store::Store& store, FetchClient& client, const OnProgress& show, const BlobPlace& place,
                  const std::vector<oci::Descriptor>& layers) {
  struct Job {
    std::string blob;
    SourceLock lock;
    Partial partial;
  };
  std::vector<std::optional<Job>> jobs;  // empty again: in place
  std::vector<FetchClient::BlobRequest> requests;
  for (const auto& [blob, layer] : distinct(layers)) {
    if (store.find_blob(blob)) continue;
    const std::string label = cat("Downloading ", layer.digest.substr(0, 18));
    SourceLock lock = take_source(store, cat("blob-", blob), label, show);
    if (store.find_blob(blob)) continue;
    Job job{blob, std::move(lock), Partial(store, cat("blob-", blob))};
    job.partial.note({cat("\"", layer.digest, "\""), {}, layer.size});  // content-addressed: a tag as strong as any
    requests.push_back({place.host, place.repository, layer.digest, place.base_url, layer.size, job.partial.file(),
                        job.partial.resume_from(), label,
                        oci::is_foreign_type(layer.media_type) ? layer.urls : std::vector<std::string>()});
    jobs.emplace_back(std::move(job));
  }
  if (requests.empty()) return;
  try {
    client.blobs(requests, [&](std::size_t i) {
      Job& job = jobs.at(i).value();
      store.commit_blob(job.partial.name(), job.blob);
      job.partial.discard();
      jobs[i].reset();
    });
  } catch (const Error&) {
    for (std::size_t i = 0; i < jobs.size(); ++i)
      if (jobs[i]) jobs[i]->partial.discard_unless_part_of(requests[i].size);
    throw;
  }
  if (std::ranges::any_of(jobs, [](const auto& job) { return job.has_value(); }))
    throw Error(Errc::network, "the fetch worker left a layer out");
}

// The worker hashes with the processor's instructions for it, five times as fast, once it runs.
std::string digest_now(int file, const std::string& expected) {
  constexpr off_t kWorthAWorker = off_t{4} << 20;
  struct stat st{};
  if (::fstat(file, &st) < 0) throw Error::from_errno("stat a layer");
  const std::string algorithm = expected.substr(0, expected.find(':'));
  return cat(algorithm, ":", st.st_size < kWorthAWorker ? digest_of_file(file, algorithm) : digest_of(file, expected));
}

// An image of schema 1 becomes one of schema 2. What its layers unpack to has to be found out: they are fetched first.
RegistryImage converted(store::Store& store, FetchClient& client, const OnProgress& show, const BlobPlace& place,
                        const oci::Reference& ref, RegistryImage got) {
  const oci::Schema1 old = oci::parse_schema1(got.manifest);
  if (old.name != place.repository && old.name != ref.repository)
    throw Error(Errc::untrusted, cat("asked for ", quoted(ref.repository), ", the manifest is of ", quoted(old.name)));
  if (ref.digest.empty() && old.tag != ref.tag)
    throw Error(Errc::untrusted, cat("asked for tag ", quoted(ref.tag), ", the manifest is of ", quoted(old.tag)));
  std::vector<oci::Descriptor> layers;
  for (const auto& digest : old.layers) layers.push_back({.media_type = {}, .digest = digest});
  fetch_layers(store, client, show, place, layers);
  const UniqueFd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!nowhere) throw Error::from_errno("open \"/dev/null\"");
  std::vector<oci::Schema1Layer> found;
  for (const auto& digest : old.layers) {
    const UniqueFd blob = store.open_blob(blob_name(digest));
    // The manifest that was signed says nothing else of a layer, and what it unpacks to is taken from these bytes.
    if (digest_now(blob.get(), digest) != digest)
      throw Error(Errc::untrusted, cat("layer ", digest, " has another content")).hint("rkt store check --repair");
    struct stat st{};
    if (::fstat(blob.get(), &st) < 0) throw Error::from_errno("stat a layer");
    found.push_back({static_cast<std::uint64_t>(st.st_size),
                     cat("sha512:", in_context([&] { return cat("layer ", digest); },
                                               [&] { return decompress_to(blob.get(), nowhere.get()); }))});
  }
  oci::Converted made = oci::convert_schema1(old, found);
  got.manifest = std::move(made.manifest);
  got.manifest_type = std::move(made.manifest_type);
  got.config = std::move(made.config);
  return got;
}

// A layer of a layout, through a private copy: what is hashed is what is stored.
void copy_layer(store::Store& store, const Layout& layout, const oci::Descriptor& layer, const std::string& blob) {
  const std::string staging = cat("blob-", blob, ".", unique_name("copy"));
  ScopeExit cleanup([&] { ::unlinkat(store.partial().get(), staging.c_str(), 0); });
  const UniqueFd copy = private_copy(layout.open_blob(layer).get(), store.partial(), staging);
  const std::string found = digest_now(copy.get(), layer.digest);
  if (found != layer.digest)
    throw Error(Errc::invalid, cat("expected digest ", layer.digest, ", the content has ", found));
  store.commit_blob(staging, blob);
  cleanup.release();
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
  const auto candidates = registries.references(reference);
  const store::ImageRecord image = first_that_works(
      candidates, [](const auto& name) { return cat("docker://", name); }, oci::Reference::parse,
      [&](const auto&, const oci::Reference& ref) { return pull(ref, reference); });
  store.add_remote({.url = url, .key = image.key, .downloaded = now()});
  return image;
}

store::ImageRecord Finder::Impl::pull(const oci::Reference& ref, const std::string& typed) {
  const auto sources = registries.sources(ref);
  return first_that_works(
      sources, [](const auto& source) { return cat(source.host, "/", source.repository); },
      [&](const auto& source) { return registries.access(source); },
      [&](const auto& source, const RegistryAccess& access) {
        client().set_access(contacted_host(source.host), access);
        return pull_from(source, ref, typed);
      });
}

store::ImageRecord Finder::Impl::pull_from(const config::PullSource& source, const oci::Reference& ref,
                                           const std::string& typed) {
  const std::string host = contacted_host(source.host);
  const appc::OciPlatform here = appc::host_platform();
  RegistryImage got = client().resolve(host, source.repository, ref.digest.empty() ? ref.tag : ref.digest, here.os,
                                       here.arch, here.variant);
  if (!ref.digest.empty() && got.top_digest != ref.digest)
    throw Error(Errc::untrusted, cat("asked for ", ref.digest, ", the registry sent ", got.top_digest));
  const std::string name = cat(ref.host, "/", ref.repository);
  const OciSubject subject = registry_subject(ref, typed, got.digests);
  RegistrySignatures signatures(client(), host, source.repository, got.base_url, subject.asked);
  const std::string signed_by = trust.vouch_for(subject, signatures);
  const BlobPlace place{host, source.repository, got.base_url};
  if (oci::is_schema1_type(got.manifest_type)) got = converted(store, client(), show, place, ref, std::move(got));
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
  fetch_layers(store, client(), show, place, manifest.layers);
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
  std::string digest = image.blobs.at(0);
  digest[digest.find('-')] = ':';
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
            [&](const auto& source) { return registries.access(source); },
            [&](const auto& source, const RegistryAccess& access) {
              client().set_access(contacted_host(source.host), access);
              restore_from(source, digest);
              return image;
            });
      });
}

void Finder::Impl::restore_from(const config::PullSource& source, const std::string& digest) {
  const std::string host = contacted_host(source.host);
  const appc::OciPlatform here = appc::host_platform();
  const RegistryImage got = client().resolve(host, source.repository, digest, here.os, here.arch, here.variant);
  if (cat("sha256:", sha256_hex(got.manifest)) != digest)
    throw Error(Errc::untrusted, cat("asked for ", digest, ", the registry sent another manifest"));
  const oci::Manifest manifest = oci::parse_manifest(got.manifest, got.manifest_type);
  check_bytes(manifest.config, got.config);
  fetch_layers(store, client(), show, {host, source.repository, got.base_url}, manifest.layers);
  commit_bytes(store, blob_name(digest), got.manifest);
  commit_bytes(store, blob_name(manifest.config.digest), got.config);
}

store::ImageRecord Finder::Impl::find_layout(const std::string& path, const std::string& reference,
                                             const std::optional<LayoutName>& named) {
  log::debug("image", cat("using image from layout ", path));
  return import_layout(Layout(DirFd::open(path)), path, reference, false, named);
}

store::ImageRecord Finder::Impl::find_layout_archive(const std::string& path, const std::string& reference,
                                                     const std::optional<LayoutName>& named) {
  log::debug("image", cat("using image from layout archive ", path));
  const UniqueFd source(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!source) throw Error::from_errno(cat("open ", path));
  // Named and locked like a download, so that the sweep can tell whether its owner still lives.
  const std::string name = unique_name("layout");
  const KeyLock mine = KeyLock::take(store.locks(), name, LockMode::exclusive);
  const ScopeExit cleanup([&]() noexcept {
    try {
      store.partial().remove_tree(name);
      store.locks().unlink(name);
    } catch (const Error& e) {
      log::debug("image", e.brief());  // image gc removes it
    }
  });
  const DirFd dir = store.partial().make_sub(name, 0700);
  unpack_layout_archive(source.get(), dir, UnpackLimits{});
  if (dir.exists("index.json")) return import_layout(Layout(dir.clone()), path, reference, true, named);
  const std::string tag = make_layout(dir, reference);
  const Layout layout(dir.sub(".layout"));
  if (named || tag.empty()) return import_layout(layout, path, {}, true, named);
  return import_layout(layout, path, {}, true, parse_layout_name(tag));
}

store::ImageRecord Finder::Impl::import_layout(const Layout& layout, const std::string& path,
                                               const std::string& reference, bool archive,
                                               const std::optional<LayoutName>& named) {
  const LayoutImage got = layout.resolve(reference, appc::host_platform());
  const LayoutName name = named ? *named : layout_name(path, reference);
  oci::MappingSource source;
  source.name = source.repository = name.name;
  source.original_name = reference.empty() ? name.name : reference;
  source.tag = name.tag;
  source.manifest_digest = got.manifest_digest;
  LayoutSignatures signatures(layout);
  const std::string signed_by =
      trust.vouch_for(layout_subject(path, reference, archive, name.name, name.tag, got.digests), signatures);
  store::ImageRecord image = make_record(got.manifest, got.parsed, got.config, source);
  image.signed_by = signed_by;
  const KeyLock hold = store.hold_blobs();
  for (const auto& [blob, layer] : distinct(got.parsed.layers)) {
    if (store.find_blob(blob)) continue;
    const SourceLock lock = take_source(store, cat("blob-", blob), cat("Copying ", layer.digest.substr(0, 18)), show);
    if (!store.find_blob(blob)) copy_layer(store, layout, layer, blob);
  }
  check_sizes(store, got.parsed.layers);
  commit_bytes(store, image.blobs[0], got.manifest);
  commit_bytes(store, image.blobs[1], got.config);
  record(image);
  return image;
}

}  // namespace rkt::image
