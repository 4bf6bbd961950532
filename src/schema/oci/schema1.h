// SPDX-License-Identifier: Apache-2.0
// Docker's first manifest of registry version 2, which old registries still have: read, and turned into a manifest and
// a configuration of schema 2. It says neither how large layers are nor what their contents hash to: the converter is
// told. Its signature is by a key that travels with it, which proves nothing, and is not looked at.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/oci/image.h"

namespace rkt::oci {

bool is_schema1_type(std::string_view media_type);

/// The bytes that a digest of it is over: without the signatures. Throws Errc::invalid when they say nonsense about it.
std::string schema1_payload(std::string_view bytes);

struct Schema1 {
  std::string name, tag, architecture;
  std::vector<std::string> layers;  ///< digests, base first; empty ones are left out
  std::string top;                  ///< JSON of the top layer: what is executed
};
/// Throws the reference's texts about the chain of layers.
Schema1 parse_schema1(std::string_view bytes);

struct Schema1Layer {
  std::uint64_t size = 0;
  std::string diff_id;
};
struct Converted {
  std::string manifest, manifest_type, config;
};
/// The same image for the same bytes and layers, always. `layers`: one for each of image.layers.
Converted convert_schema1(const Schema1& image, const std::vector<Schema1Layer>& layers);

}  // namespace rkt::oci
