// SPDX-License-Identifier: Apache-2.0
#include "image/schema1_image.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/oci_blobs.h"
#include "image/unpack_client.h"
#include "schema/oci/schema1.h"

namespace rkt::image {

using oci::blob_name;

RegistryImage converted(store::Store& store, FetchClient& client, const OnProgress& show, const Repository& from,
                        const oci::Reference& ref, RegistryImage got) {
  const oci::Schema1 old = oci::parse_schema1(got.manifest);
  if (old.name != from.name && old.name != ref.repository)
    throw Error(Errc::untrusted, cat("asked for ", quoted(ref.repository), ", the manifest is of ", quoted(old.name)));
  if (ref.digest.empty() && old.tag != ref.tag)
    throw Error(Errc::untrusted, cat("asked for tag ", quoted(ref.tag), ", the manifest is of ", quoted(old.tag)));
  std::vector<oci::Descriptor> layers;
  for (const auto& digest : old.layers) layers.push_back({.media_type = {}, .digest = digest});
  fetch_layers(store, client, show, from, layers);
  const UniqueFd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!nowhere) throw Error::from_errno("open \"/dev/null\"");
  std::vector<oci::Schema1Layer> found;
  for (const auto& digest : old.layers) {
    const UniqueFd blob = store.open_blob(blob_name(digest));
    // The manifest that was signed says nothing else of a layer, and what it unpacks to is taken from these bytes.
    if (digest_of_layer(blob.get(), digest) != digest)
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

}  // namespace rkt::image
