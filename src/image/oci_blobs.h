// SPDX-License-Identifier: Apache-2.0
// What Docker and OCI images have in common wherever they come from: blobs are stored as they are, and the row in the
// index is what manifest and configuration map to.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "image/fetch_client.h"
#include "schema/oci/image.h"
#include "store/store.h"

namespace rkt::image {

/// Layers by blob name: each once, in the order in which their locks are taken.
std::map<std::string, oci::Descriptor> distinct(const std::vector<oci::Descriptor>& layers);

/// A document that was checked, unless the store has it.
void commit_bytes(store::Store& store, const std::string& name, std::string_view bytes);

/// Throws for a stored layer of another size than the manifest states.
void check_sizes(const store::Store& store, const std::vector<oci::Descriptor>& layers);

/// The row of an image. Pure; throws for what is no image, or none that runs here.
store::ImageRecord make_record(const std::string& manifest_bytes, const oci::Manifest& manifest,
                               const std::string& config_bytes, const oci::MappingSource& source);

/// Downloads what the store lacks, the bottom of the image first; of no repository only foreign layers can be had.
/// Locks are taken one after the other in the order of blob names, and each is given back as soon as its blob is in
/// place.
void fetch_layers(store::Store& store, FetchClient& client, const OnProgress& show, const Repository& from,
                  const std::vector<oci::Descriptor>& layers);

/// The digest of a file, by the algorithm of `expected`.
std::string digest_of_layer(int file, const std::string& expected);

}  // namespace rkt::image
