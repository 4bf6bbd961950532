// SPDX-License-Identifier: Apache-2.0
// OCI image-spec 1.1 and Docker schema 2 documents: descriptor, index (manifest list), manifest, config. A document
// whose own mediaType disagrees with how it is read, or that has both "manifests" and "layers", is refused. Unknown
// members are ignored; the bytes are what was hashed and are never written again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/appc/image_manifest.h"

namespace rkt::oci {

struct Descriptor {
  std::string media_type,
      digest;  ///< digest: sha256 (64 lower-case hex) or sha512 (128); others are refused as unverifiable
  std::uint64_t size = 0;
  std::vector<std::string> urls;  ///< where else it is said to be; a stranger's
  std::map<std::string, std::string> annotations;
  struct Platform {
    std::string os, architecture, variant, os_version;
  };
  std::optional<Platform> platform;
  std::string artifact_type;  ///< of what it describes, in an index
};
/// "ALG:HEX" with a supported algorithm and the right number of lower-case hex digits; throws.
void check_digest_syntax(std::string_view digest);
/// "sha256-HEX" of "sha256:HEX": what the store calls that blob. Throws as check_digest_syntax() does.
std::string blob_name(const std::string& digest);
/// The reverse.
std::string digest_of_blob(const std::string& name);

struct Index {
  std::vector<Descriptor> manifests;
};
struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  ///< base first
  std::string media_type;
};
struct Config {
  std::string os, architecture, variant, author, created;
  struct Exec {
    std::string user, working_dir, stop_signal;
    std::vector<std::string> exposed_ports, env, entrypoint, cmd, volumes;
    std::vector<std::pair<std::string, std::string>> labels;
  };
  std::optional<Exec> config;
  std::vector<std::string> diff_ids;  ///< base first; as many as layers
};

bool is_index_type(std::string_view media_type);
bool is_manifest_type(std::string_view media_type);
/// A layer that registries need not have: it is at the URLs of its descriptor.
bool is_foreign_type(std::string_view media_type);
/// tar, gzip or zstd for a known layer type (Docker, OCI, nondistributable); throws for others: never treated as empty.
enum class LayerCompression { none, gzip, zstd };
LayerCompression layer_compression(std::string_view media_type);

Index parse_index(std::string_view bytes, std::string_view media_type);
/// An index that is a list of anything: an entry that is malformed does not hide the others.
struct Listing {
  Index index;
  struct Malformed {
    std::string artifact_type, why;  ///< artifact_type: "" when that is malformed, too
  };
  std::vector<Malformed> malformed;
};
Listing parse_listing(std::string_view bytes, std::string_view media_type);
Manifest parse_manifest(std::string_view bytes, std::string_view media_type);
Config parse_config(std::string_view bytes);
/// Throws Errc::unsupported for an artifact (a chart, a signature, …): its configuration is none of an image. And
/// Errc::invalid for what has no layers: there would be nothing to run.
void check_runnable(const Manifest& manifest);

/// The entry for this platform (images §9.4): own variant, lower variants, none; never unknown/unknown attestations;
/// entries without platform last. Throws with the list of what there is.
const Descriptor& select_platform(const Index& index, const appc::OciPlatform& host);

/// "sha256:…" of chain(n-1) " " diff(n); the first is its DiffID.
std::vector<std::string> chain_ids(const std::vector<std::string>& diff_ids);

/// docker://[HOST[:PORT]/]REPO[:TAG][@DIGEST] (images §4.1). `text` without the scheme. Throws the reference's texts.
struct Reference {
  std::string host;        ///< as contacted: registry-1.docker.io for the default registry
  std::string typed_host;  ///< as typed, or the default
  std::string repository;  ///< with library/ for single names on the default registry
  std::string tag;         ///< "" when a digest was given
  std::string digest;
  static Reference parse(std::string_view text);
};

/// The appc manifest that the rest of the engine works with (images §4.7, H column; labels -> userLabels). An unknown
/// os/architecture pair is an error, never the host's. `source`: where it came from, for the appc.io/docker/*
/// annotations.
struct MappingSource {
  std::string name;  ///< HOST/REPO before sanitising; for a layout: its reference name or file name
  std::string original_name, registry_url, repository, tag;
  std::string manifest_digest;
};
appc::ImageManifest map_to_appc(const Manifest& manifest, const Config& config, const MappingSource& source);

/// Of an image with that manifest under the name and version that it is mapped to. The same bytes under another tag or
/// in another repository are another image (of the same blobs): who verified it, and what removes it, is a matter of
/// names.
appc::ImageId image_id(std::string_view manifest_bytes, const appc::ImageManifest& mapped);

}  // namespace rkt::oci
