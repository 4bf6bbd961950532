// SPDX-License-Identifier: Apache-2.0
// The way from a reference to an image's documents, with a registry that says anything. A digest would stop everything
// behind the first document, so there is also an index of our own that promises exactly these bytes.
#include "base/strings.h"
#include "tests/fuzz/fuzz.h"
#include "worker/fetch/documents.h"

namespace {

using namespace rkt;

const appc::OciPlatform kHost{"linux", "amd64", ""};
const char* const kIndex = "application/vnd.oci.image.index.v1+json";
const char* const kManifest = "application/vnd.oci.image.manifest.v1+json";

fetch::Document index_of(std::string_view document) {
  return {cat(R"({"schemaVersion":2,"manifests":[{"mediaType":")", kManifest, R"(","digest":")",
              fetch::digest_like("sha256:", document), R"(","size":)", document.size(),
              R"(,"platform":{"os":"linux","architecture":"amd64"}}]})"),
          kIndex};
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  const std::string_view type = bytes.substr(0, bytes.find('\n'));
  const std::string document(bytes.substr(std::min(bytes.size(), type.size() + 1)));
  for (const bool indexed : {false, true}) {
    fuzz::tolerate([&] {
      const auto found =
          fetch::walk_image("latest", kHost,
                            {.manifest = [&](const std::string&, const oci::Descriptor* expected) -> fetch::Document {
                               if (indexed && expected == nullptr) return index_of(document);
                               return {document, std::string(type)};
                             },
                             .config = [&](const oci::Descriptor&) { return document; }});
      fuzz::require(!found.path.empty() && found.path.size() <= 3);
    });
  }
}
