// SPDX-License-Identifier: Apache-2.0
// From a reference to the documents of one image: index (at most two of them), manifest, configuration. The worker
// walks this way with the network behind it, and rkt walks it again over what the worker sent: every step but a tag is
// checked by digest and size, so a worker that lies can at most claim another content for a tag.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "schema/appc/types.h"
#include "schema/oci/image.h"

namespace rkt::fetch {

struct Document {
  std::string bytes, media_type;  ///< media_type: of the answer's header; see settle_type()
  std::string next = {};          ///< where a list goes on, below the repository, or ""
};

struct ImageDocuments {
  std::vector<Document> path;  ///< what the reference named first; the manifest last
  std::string config;          ///< "" for a manifest of schema 1, which only a reference can name
  std::string top_digest;      ///< of path.front()
};

/// Where documents come from. `expected` is null for the first one, which only a digest in the reference binds.
struct DocumentSource {
  std::function<Document(const std::string& reference, const oci::Descriptor* expected)> manifest;
  std::function<std::string(const oci::Descriptor& expected)> config;
};

/// Throws Errc::invalid when a document is not what a digest promised, Errc::unsupported for other kinds of documents,
/// and what the source throws.
ImageDocuments walk_image(const std::string& reference, const appc::OciPlatform& platform,
                          const DocumentSource& source);

/// "DIGEST: expected …, received …" when the bytes are not those. A size of 0 in `expected` is compared too.
void check_content(const oci::Descriptor& expected, std::string_view bytes);
/// `digest`'s algorithm over the bytes: "sha256:…".
std::string digest_like(std::string_view digest, std::string_view bytes);

/// What a document is: the answer's type when it is one of images, else the descriptor's, else what the document itself
/// says. Throws Errc::unsupported for everything else.
std::string settle_type(const Document& document, const oci::Descriptor* expected);

}  // namespace rkt::fetch
