// SPDX-License-Identifier: Apache-2.0
#include "image/signature_search.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"
#include "schema/oci/bundle.h"
#include "schema/oci/media_types.h"
#include "sys/file.h"
#include "worker/fetch/documents.h"

namespace rkt::image {
namespace {

constexpr std::size_t kMaxPages = 32;  // of referrers; each is a document of its own
constexpr std::string_view kFileScheme = "file://";
constexpr std::string_view kSavedSignatures = "dev.cosignproject.cosign/sigs";
constexpr std::string_view kStatementPayload = "application/vnd.in-toto+json";
constexpr std::string_view kCosignArtifact = "application/vnd.dev.cosign.artifact.sig.v1+json";

std::string checked(SignatureSource& source, const oci::Descriptor& what) {
  if (what.size > oci::kMaxSignatureDocument)
    throw Error(Errc::invalid, cat(what.digest, " is larger than ", oci::kMaxSignatureDocument, " bytes"));
  std::string bytes = source.read(what);
  check_bytes(what, bytes);
  return bytes;
}

class Search {
 public:
  explicit Search(SignatureSource& source) : source_(source) {}

  void look_at_tag(const std::string& digest) {
    const std::string tag = oci::signature_tag(digest);
    tolerate(tag, [&] {
      if (const auto tagged = source_.find_tag(tag)) take_manifest(tagged->bytes, tagged->media_type, digest);
    });
  }

  // Registries that do not know the interface answer in many ways, some with a page of their own.
  void look_at_referrers(const std::string& digest) {
    if (look_at_pages(digest)) return;
    read_list([&] {
      const auto tagged = source_.find_tag(oci::referrers_tag(digest));
      if (!tagged) return;
      take_referrers(tagged->bytes, digest);
      found.unlisted.clear();
    });
  }

  void look_aside(const std::string& digest) {
    std::size_t number = 0;
    for (auto& message : source_.find_messages(digest)) {
      ++number;
      if (!full())
        found.signatures.push_back({.form = FoundSignature::Form::openpgp,
                                    .payload = {},
                                    .signature = std::move(message),
                                    .where = cat("signature-", number)});
    }
  }

  FoundSignatures found;

 private:
  static bool is_fault_of_content(const Error& e) {
    return e.code() == Errc::invalid || e.code() == Errc::unsupported || e.code() == Errc::not_found;
  }

  // Another signature may do, so what is wrong with one is no failure.
  template <class Body>
  void tolerate(const std::string& what, Body&& body) {
    try {
      body();
    } catch (const Error& e) {
      if (!is_fault_of_content(e)) throw;
      leave_out(what, e.brief());
    }
  }

  void leave_out(const std::string& what, const std::string& why) {
    log::debug("image", cat("signature ", what, ": ", why));
    found.unreadable.push_back(cat(what, ": ", why));
  }

  // A list is no signature, whatever it may name.
  template <class Body>
  void read_list(Body&& body) {
    try {
      body();
    } catch (const Error& e) {
      if (!is_fault_of_content(e)) throw;
      log::debug("image", cat("referrers: ", e.brief()));
      if (found.unlisted.empty()) found.unlisted = e.brief();
    }
  }

  // False: there is nothing that could be read.
  bool look_at_pages(const std::string& digest) {
    std::size_t pages = 0;
    read_list([&] {
      for (auto page = source_.find_referrers(digest, {}); page; page = source_.find_referrers(digest, page->next)) {
        take_referrers(page->index, digest);
        if (++pages > kMaxPages && !page->next.empty())
          throw Error(Errc::invalid, cat("more than ", kMaxPages, " pages"));
        if (page->next.empty() || full()) return;
      }
    });
    return pages > 0;
  }

  bool full() const { return found.signatures.size() >= oci::kMaxAttached; }

  // `digest`: what it is attached to.
  void take_manifest(const std::string& bytes, const std::string& media_type, const std::string& digest) {
    const oci::Manifest manifest = oci::parse_manifest(bytes, media_type);
    auto attached = oci::attached_signatures(manifest);
    const auto is_bundle = [](const oci::Descriptor& layer) { return oci::is_bundle_type(layer.media_type); };
    if (attached.empty() && std::ranges::none_of(manifest.layers, is_bundle))
      throw Error(Errc::invalid, "there is no signature in it");
    for (auto& one : attached)
      if (!full())
        tolerate(one.payload.digest, [&] {
          found.signatures.push_back({.payload = checked(source_, one.payload),
                                      .signature = std::move(one.signature),
                                      .certificate = one.certificate,
                                      .where = one.payload.digest});
        });
    for (const auto& layer : manifest.layers)
      if (is_bundle(layer) && !full())
        tolerate(layer.digest, [&] { take_bundle(oci::parse_bundle(checked(source_, layer)), digest, layer.digest); });
  }

  void take_bundle(oci::Bundle bundle, const std::string& digest, const std::string& where) {
    FoundSignature one{.form = FoundSignature::Form::manifest,
                       .payload = {},
                       .signature = std::move(bundle.signature),
                       .certificate = bundle.certificate,
                       .where = where};
    if (bundle.envelope) {
      if (bundle.payload_type != kStatementPayload)
        throw Error(Errc::invalid, cat("a signed document of the type ", quoted(printable(bundle.payload_type, 100))));
      one.form = FoundSignature::Form::statement;
      one.payload = oci::envelope_bytes(bundle.payload_type, bundle.payload);
      if (is_about_something_else(oci::parse_statement(bundle.payload).predicate_type)) return;
      one.content = std::move(bundle.payload);
    } else {
      one.payload = source_.read_manifest(digest);
      check_digest(digest, one.payload);
    }
    found.signatures.push_back(std::move(one));
  }

  void take_referrers(const std::string& index, const std::string& digest) {
    const oci::Listing list = oci::parse_listing(index, oci::kIndexType);
    for (const auto& referrer : list.index.manifests)
      if (!full()) tolerate(referrer.digest, [&] { take_referrer(referrer, digest); });
    for (const auto& entry : list.malformed)
      if (claims_to_sign(entry.artifact_type)) leave_out("a referrer", entry.why);
  }

  static bool claims_to_sign(std::string_view artifact_type) {
    return artifact_type == kCosignArtifact || oci::is_bundle_type(artifact_type);
  }

  // What an image consists of and how it was made is stated in the same form as a signature.
  static bool is_about_something_else(std::string_view predicate) {
    if (predicate.empty() || predicate == oci::kSignPredicate) return false;
    log::debug("image", cat("a statement of the type ", quoted(printable(predicate, 100))));
    return true;
  }

  void take_referrer(const oci::Descriptor& referrer, const std::string& digest) {
    const auto annotation = [&](std::string_view name) {
      const auto it = referrer.annotations.find(std::string(name));
      return it == referrer.annotations.end() ? std::string_view{} : std::string_view(it->second);
    };
    const bool saved = annotation("kind") == kSavedSignatures;  // `cosign save` marks the entries of a layout with it
    if (!saved && !claims_to_sign(referrer.artifact_type)) return;
    const bool bundle = oci::is_bundle_type(referrer.artifact_type);
    if (bundle && is_about_something_else(annotation(oci::kPredicateAnnotation))) return;
    const std::string bytes = checked(source_, referrer);
    // Not every registry repeats annotations in its lists.
    if (bundle && is_about_something_else(oci::stated_predicate(bytes))) return;
    take_manifest(bytes, std::string(oci::kManifestType), digest);
  }

  SignatureSource& source_;
};

}  // namespace

std::optional<FetchClient::RepositoryDocument> RegistrySignatures::get(const std::string& path) {
  return client_.find_document(at_, path);
}

std::optional<SignatureSource::Document> RegistrySignatures::find_tag(const std::string& tag) {
  auto found = get(cat("/manifests/", tag));
  if (!found) return std::nullopt;
  const std::string type = fetch::settle_type({.bytes = found->bytes, .media_type = found->media_type}, nullptr);
  return Document{.bytes = std::move(found->bytes), .media_type = type};
}

std::optional<SignatureSource::Referrers> RegistrySignatures::find_referrers(const std::string& digest,
                                                                             const std::string& page) {
  try {
    if (auto found = get(page.empty() ? cat("/referrers/", digest) : page))
      return Referrers{.index = std::move(found->bytes), .next = std::move(found->next)};
  } catch (const Error& e) {
    // Registries that do not know this request answer in many ways.
    if (e.code() != Errc::unsupported && e.code() != Errc::denied && e.code() != Errc::busy) throw;
    log::debug("image", e.brief());
  }
  return std::nullopt;
}

std::string RegistrySignatures::read(const oci::Descriptor& what) {
  if (oci::is_manifest_type(what.media_type)) return read_manifest(what.digest);
  if (auto found = get(cat("/blobs/", what.digest))) return std::move(found->bytes);
  throw Error(Errc::not_found, cat(what.digest, " is not in the registry"));
}

std::string RegistrySignatures::read_manifest(const std::string& digest) {
  if (auto found = get(cat("/manifests/", digest))) return std::move(found->bytes);
  throw Error(Errc::not_found, cat(digest, " is not in the registry"));
}

std::optional<std::string> RegistrySignatures::find_message(const std::string& url) {
  if (url.starts_with(kFileScheme)) {
    try {
      return read_file(url.substr(kFileScheme.size()), oci::kMaxSignatureDocument);
    } catch (const Error& e) {
      if (e.sys_errno() == ENOENT || e.sys_errno() == ENOTDIR) return std::nullopt;
      throw;
    }
  }
  const UniqueFd file = memory_file("signature", {});
  try {
    GetRequest request;
    request.url = url;
    request.file = file.get();
    request.max_size = oci::kMaxSignatureDocument;
    request.label = "Downloading signature";
    if (client_.get(request).outcome != GetOutcome::complete) return std::nullopt;
  } catch (const Error& e) {
    if (e.code() == Errc::not_found) return std::nullopt;
    throw;
  }
  if (::lseek(file.get(), 0, SEEK_SET) < 0) throw Error::from_errno("rewind a memory file");
  return read_all(file.get(), url, oci::kMaxSignatureDocument);
}

std::vector<std::string> RegistrySignatures::find_messages(const std::string& digest) {
  std::vector<std::string> out;
  const std::string base = keystore::signature_base(keystore::load_lookasides(), image_, digest);
  for (std::size_t n = 1; !base.empty() && n <= oci::kMaxAttached; ++n) {
    auto message = in_context([&] { return cat("signatures at ", base); }, [&] { return find_message(cat(base, n)); });
    if (!message) break;
    out.push_back(std::move(*message));
  }
  return out;
}

std::optional<SignatureSource::Document> LayoutSignatures::find_tag(const std::string& tag) {
  for (const auto& entry : layout_.index().manifests)
    if (ref_name(entry) == tag) return Document{.bytes = layout_.read_blob(entry), .media_type = entry.media_type};
  return std::nullopt;
}

// Every signature in the index of the layout: which image one is for is part of what it signs.
std::optional<SignatureSource::Referrers> LayoutSignatures::find_referrers(const std::string&, const std::string&) {
  return Referrers{.index = layout_.index_bytes()};
}

FoundSignatures find_signatures(SignatureSource& source, const std::string& digest) {
  Search search(source);
  search.look_at_tag(digest);
  search.look_at_referrers(digest);
  search.look_aside(digest);
  return std::move(search.found);
}

}  // namespace rkt::image
