// SPDX-License-Identifier: Apache-2.0
// OCI layouts on disk: the bytes as the index of one, and as a document that an index of our own promises, so that the
// digest in its way is right.
#include "base/strings.h"
#include "image/layout.h"
#include "sys/digest.h"
#include "sys/file.h"
#include "sys/tempdir.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace rkt;

// One directory for all inputs: making one is what costs.
struct Place {
  TempDir tmp;
  DirFd top = DirFd::open(tmp.path()), blobs = make_dirs(tmp.path() + "/blobs/sha256");
  Place() { write_file(top, "oci-layout", R"({"imageLayoutVersion":"1.0.0"})", 0600); }
};

std::string index_of(std::string_view type, const std::string& hex, std::size_t size) {
  return cat(R"({"schemaVersion":2,"manifests":[{"mediaType":")", type, R"(","digest":"sha256:)", hex, R"(","size":)",
             size, R"(,"annotations":{"org.opencontainers.image.ref.name":"it"}}]})");
}

void look(const Place& place, const std::string& name) {
  fuzz::tolerate([&] {
    const auto found = image::Layout(place.top.clone()).resolve(name, {"linux", "amd64", ""});
    fuzz::require(sha256_hex(found.manifest) == found.manifest_digest.substr(7));
  });
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  static const Place place;
  write_file(place.top, "index.json", bytes, 0600);
  look(place, "");
  look(place, "it");
  const std::string hex = sha256_hex(bytes);
  write_file(place.blobs, hex, bytes, 0600);
  for (const char* type : {"application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
                           "application/vnd.docker.distribution.manifest.v2+json"}) {
    write_file(place.top, "index.json", index_of(type, hex, bytes.size()), 0600);
    look(place, "it");
  }
  place.blobs.unlink(hex);
  fuzz::tolerate([&] { image::layout_name("/some/where.tar.gz", std::string(bytes)); });
}
