// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/documents.h"

#include "base/error.h"
#include "base/strings.h"
#include "json/reader.h"
#include "schema/oci/media_types.h"
#include "schema/oci/schema1.h"
#include "sys/digest.h"
#include "worker/fetch/protocol.h"

namespace rkt::fetch {
namespace {

bool is_known(std::string_view type) {
  return oci::is_index_type(type) || oci::is_manifest_type(type) || oci::is_schema1_type(type);
}

std::string own_type(std::string_view bytes) {
  const json::Value value = json::parse(bytes, {.bytes = kMaxDocument});
  const json::Reader in(value, "manifest");
  if (const auto type = in.find("mediaType")) return type->text();
  if (in.find("manifests")) return std::string(oci::kIndexType);
  if (in.find("config") && in.find("layers")) return std::string(oci::kManifestType);
  return in.find("fsLayers") ? std::string(oci::kSignedSchema1Type) : std::string();
}

}  // namespace

std::string digest_like(std::string_view digest, std::string_view bytes) {
  return digest.starts_with("sha512:") ? cat("sha512:", sha512_hex(bytes)) : cat("sha256:", sha256_hex(bytes));
}

void check_content(const oci::Descriptor& expected, std::string_view bytes) {
  if (bytes.size() != expected.size)
    throw Error(Errc::invalid, cat(expected.digest, ": expected ", expected.size, " bytes, received ", bytes.size()));
  if (const std::string found = digest_like(expected.digest, bytes); found != expected.digest)
    throw Error(Errc::invalid, cat(expected.digest, ": expected this digest, received content with ", found));
}

std::string settle_type(const Document& document, const oci::Descriptor* expected) {
  if (is_known(document.media_type)) return document.media_type;
  if (expected != nullptr && is_known(expected->media_type)) return expected->media_type;
  std::string own;
  try {
    own = own_type(document.bytes);
  } catch (const Error&) {
    own.clear();  // no JSON at all: the page of some other server
  }
  if (is_known(own)) return own;
  throw Error(Errc::unsupported,
              cat("the registry sent ", quoted(own.empty() ? document.media_type : own), ", no image"));
}

ImageDocuments walk_image(const std::string& reference, const appc::OciPlatform& platform,
                          const DocumentSource& source) {
  ImageDocuments out;
  const bool by_digest = reference.find(':') != std::string::npos;
  if (by_digest) oci::check_digest_syntax(reference);
  oci::Descriptor expected;
  for (int depth = 0; depth <= kMaxDepth; ++depth) {
    const bool top = depth == 0;
    Document document = source.manifest(top ? reference : expected.digest, top ? nullptr : &expected);
    if (top) {
      document.media_type = settle_type(document, nullptr);
      const bool old = oci::is_schema1_type(document.media_type);
      out.top_digest = digest_like(reference, old ? oci::schema1_payload(document.bytes) : document.bytes);
      if (by_digest && out.top_digest != reference)
        throw Error(Errc::invalid, cat(reference, ": expected this digest, received content with ", out.top_digest));
    } else {
      check_content(expected, document.bytes);
      document.media_type = settle_type(document, &expected);
    }
    out.path.push_back(document);
    if (oci::is_schema1_type(document.media_type)) {
      if (!top) throw Error(Errc::unsupported, cat(expected.digest, ": a manifest of schema 1 in an index"));
      return out;
    }
    if (!oci::is_index_type(document.media_type)) {
      const oci::Manifest manifest = oci::parse_manifest(document.bytes, document.media_type);
      oci::check_runnable(manifest);
      out.config = source.config(manifest.config);
      check_content(manifest.config, out.config);
      return out;
    }
    expected = oci::select_platform(oci::parse_index(document.bytes, document.media_type), platform);
  }
  throw Error(Errc::invalid, cat(out.top_digest, ": more than ", kMaxDepth, " indexes one inside the other"));
}

}  // namespace rkt::fetch
