// SPDX-License-Identifier: Apache-2.0
#include "image/store_damage.h"

#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "image/unpack_client.h"
#include "schema/oci/image.h"
#include "schema/oci/media_types.h"
#include "sys/digest.h"
#include "sys/file.h"

namespace rkt::image {
namespace {

constexpr std::size_t kMaxStoredDocument = std::size_t{4} << 20;

// Whether the path still leads to this file.
bool is_current(const store::Store& store, const std::string& name, int file) {
  const auto again = store.find_blob(name);
  struct stat a{}, b{};
  return again && ::fstat(file, &a) == 0 && ::fstat(again->get(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

template <class Find>
std::optional<std::string> mismatch(const std::string& name, const Find& digest_found) {
  try {
    const std::string found = digest_found();
    if (found == name.substr(7)) return std::nullopt;
    return cat("has digest ", name.substr(0, 6), "-", found);
  } catch (const Error& e) {
    if (e.code() != Errc::invalid && e.code() != Errc::untrusted) throw;
    return e.brief();
  }
}

std::optional<std::string> damage_of(int file, const std::string& name, NamedBy by) {
  std::optional<std::string> of_archive;
  if (by != NamedBy::bytes && name.starts_with("sha512-")) {
    of_archive = mismatch(name, [&] { return scan_aci(file).digest; });
    if (!of_archive || by == NamedBy::archive) return of_archive;
  }
  return mismatch(name, [&] { return digest_of(file, oci::digest_of_blob(name)); });
}

void take_aci(const store::Store& store, store::ImageRecord& row) {
  const AciScan scan = scan_aci(store.open_blob(row.blobs.at(0)).get());
  const appc::ImageManifest manifest = appc::parse_image_manifest(scan.manifest);
  row.key = appc::ImageId::from_digest(scan.digest).key();
  row.blobs = {cat("sha512-", scan.digest)};
  row.chain.clear();
  row.name = manifest.name;
  row.version = manifest.version();
  row.manifest = appc::write(manifest);
  row.size = scan.tar_size;
}

std::string text_of(const appc::ImageManifest& manifest, std::string_view name) {
  for (const auto& a : manifest.annotations)
    if (a.name == name) return a.value;
  return {};
}

// Where the image came from is in no blob: that is taken from the row's own manifest.
oci::MappingSource mapping_of(const store::ImageRecord& row) {
  oci::MappingSource out;
  out.manifest_digest = oci::digest_of_blob(row.blobs.at(0));
  out.name = row.name;
  out.tag = row.version;
  const appc::ImageManifest manifest = appc::parse_image_manifest(row.manifest);
  out.original_name = text_of(manifest, "appc.io/docker/originalname");
  out.registry_url = text_of(manifest, "appc.io/docker/registryurl");
  out.repository = text_of(manifest, "appc.io/docker/repository");
  return out;
}

void take_layers(const store::Store& store, store::ImageRecord& row) {
  const auto document = [&](const std::string& blob) {
    return read_all(store.open_blob(blob).get(), blob, kMaxStoredDocument);
  };
  const bool docker = row.kind == store::ImageKind::docker;
  const std::string bytes = document(row.blobs.at(0));
  const oci::Manifest manifest = oci::parse_manifest(bytes, oci::manifest_type(docker));
  oci::check_runnable(manifest);
  const std::string config_bytes = document(row.blobs.at(1));
  const oci::Config config = oci::parse_config(config_bytes);
  const appc::ImageManifest mapped = oci::map_to_appc(manifest, config, mapping_of(row));
  // Rows that were written when the bytes alone made the key are good.
  if (row.key != appc::ImageId::from_digest(sha512_hex(bytes)).key()) row.key = oci::image_id(bytes, mapped).key();
  row.blobs = {row.blobs[0], oci::blob_name(manifest.config.digest)};
  row.size = bytes.size() + config_bytes.size();
  std::set<std::string> counted;
  for (const auto& layer : manifest.layers) {
    row.blobs.push_back(oci::blob_name(layer.digest));
    if (counted.insert(layer.digest).second) row.size += layer.size;
  }
  row.chain = oci::chain_ids(config.diff_ids);
  row.name = mapped.name;
  row.version = mapped.version();
  row.manifest = appc::write(mapped);
}

}  // namespace

std::optional<std::string> blob_damage(const store::Store& store, const std::string& name, NamedBy by) {
  try {
    for (;;) {
      const auto file = store.find_blob(name);
      if (!file) return "missing";
      const auto damage = damage_of(file->get(), name, by);
      // Put in place again while it was read: that one counts.
      if (!damage || is_current(store, name, file->get()) || !store.find_blob(name)) return damage;
    }
  } catch (const Error& e) {
    if (e.code() != Errc::invalid) throw;
    return e.cause();
  }
}

store::ImageRecord row_from_blobs(const store::Store& store, const store::ImageRecord& row) {
  store::ImageRecord out = row;
  if (row.kind == store::ImageKind::aci)
    take_aci(store, out);
  else
    take_layers(store, out);
  return out;
}

std::optional<std::string> row_damage(const store::Store& store, const store::ImageRecord& row) {
  try {
    const store::ImageRecord right = row_from_blobs(store, row);
    if (right.key != row.key) return "key is not that of its blobs";
    if (right.blobs != row.blobs || right.chain != row.chain) return "layers are not those of its manifest";
    if (right.name != row.name || right.version != row.version) return "name is not that of its manifest";
    if (right.manifest != row.manifest) return "manifest is not that of its blobs";
    if (right.size != row.size) return "size is not that of its blobs";
    return std::nullopt;
  } catch (const Error& e) {
    return e.brief();
  } catch (const std::out_of_range&) {
    return "names too few blobs";
  }
}

}  // namespace rkt::image
