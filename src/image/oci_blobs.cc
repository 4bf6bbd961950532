// SPDX-License-Identifier: Apache-2.0
#include "image/oci_blobs.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/scope.h"
#include "base/strings.h"
#include "image/download.h"
#include "image/finder_impl.h"
#include "image/local_file.h"
#include "image/unpack_client.h"
#include "sys/digest.h"
#include "sys/file.h"

namespace rkt::image {
namespace {

using oci::blob_name;

// An image without an index is what was asked for, and an emulator may be there.
void warn_of_platform(const oci::Config& config) {
  const appc::OciPlatform here = appc::host_platform();
  const bool runs = config.architecture == here.arch || (here.arch == "amd64" && config.architecture == "386") ||
                    (here.arch == "arm64" && config.architecture == "arm");
  if (!runs)
    log::note("image", cat("warning: the image is for ", printable(cat(config.os, "/", config.architecture), 100),
                           ", this machine is ", here.os, "/", here.arch));
}

std::string download_label(const oci::Descriptor& layer) { return cat("Downloading ", layer.digest.substr(0, 18)); }

}  // namespace

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
  warn_of_platform(config);
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

void fetch_layers(store::Store& store, FetchClient& client, const OnProgress& show, const Repository& from,
                  const std::vector<oci::Descriptor>& layers) {
  struct Job {
    std::string blob;
    SourceLock lock;
    Partial partial;
  };
  std::map<std::string, Job> locked;
  for (const auto& [blob, layer] : distinct(layers)) {
    if (store.find_blob(blob)) continue;
    SourceLock lock = take_source(store, cat("blob-", blob), download_label(layer), show);
    if (store.find_blob(blob)) continue;
    Job job{blob, std::move(lock), Partial(store, cat("blob-", blob))};
    job.partial.note({cat("\"", layer.digest, "\""), {}, layer.size});  // content-addressed: a tag as strong as any
    locked.emplace(blob, std::move(job));
  }
  std::vector<std::optional<Job>> jobs;  // empty again: in place
  std::vector<FetchClient::BlobRequest> requests;
  for (const auto& layer : layers) {
    auto job = locked.extract(blob_name(layer.digest));
    if (!job) continue;
    const Partial& partial = job.mapped().partial;
    requests.push_back({from, layer.digest, layer.size, partial.file(), partial.resume_from(), download_label(layer),
                        oci::is_foreign_type(layer.media_type) ? layer.urls : std::vector<std::string>()});
    jobs.emplace_back(std::move(job.mapped()));
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
std::string digest_of_layer(int file, const std::string& expected) {
  constexpr off_t kWorthAWorker = off_t{4} << 20;
  struct stat st{};
  if (::fstat(file, &st) < 0) throw Error::from_errno("stat a layer");
  const std::string algorithm = expected.substr(0, expected.find(':'));
  return cat(algorithm, ":", st.st_size < kWorthAWorker ? digest_of_file(file, algorithm) : digest_of(file, expected));
}

}  // namespace rkt::image
