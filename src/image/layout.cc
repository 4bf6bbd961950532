// SPDX-License-Identifier: Apache-2.0
#include "image/layout.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "base/strings.h"
#include "json/reader.h"
#include "schema/oci/image.h"
#include "schema/oci/media_types.h"
#include "schema/oci/signing.h"
#include "sys/file.h"
#include "worker/fetch/documents.h"

namespace rkt::image {
namespace {

constexpr std::size_t kMaxDocument = std::size_t{4} << 20;
constexpr int kMaxIndexDepth = 4;
constexpr std::string_view kContainerdName = "io.containerd.image.name";  // docker's; its ref.name is the tag alone

// What `cosign save`, sign and push put beside an image.
bool is_attachment(const oci::Descriptor& d) {
  const auto kind = d.annotations.find("kind");
  return !d.artifact_type.empty() || oci::is_signature_tag(ref_name(d)) ||
         (kind != d.annotations.end() && kind->second.starts_with("dev.cosignproject.cosign/sig"));
}

std::string entry_annotation(const oci::Descriptor& entry, std::string_view name) {
  const auto it = entry.annotations.find(std::string(name));
  return it == entry.annotations.end() ? std::string{} : it->second;
}

// A whole name, not only a tag as skopeo writes it. A stranger's: what is no reference is none.
std::string own_name(const oci::Descriptor& entry) {
  for (const std::string_view key : {kContainerdName, oci::kRefNameAnnotation}) {
    std::string name = entry_annotation(entry, key);
    if (name.find('/') == std::string::npos || name.find('@') != std::string::npos) continue;
    try {
      (void)oci::Reference::parse(name);
      return name;
    } catch (const Error&) {
      continue;
    }
  }
  return {};
}

std::string names_in(const oci::Index& index) {
  std::string out;
  for (const auto& d : index.manifests)
    if (const std::string name = ref_name(d); !name.empty() && !is_attachment(d))
      out += cat(out.empty() ? "" : ", ", quoted(name));
  return out.empty() ? "it has no names" : cat("it has: ", out);
}

// O_NONBLOCK: opening a FIFO that a hostile layout holds must not wait for a writer.
UniqueFd open_regular(const DirFd& dir, const std::string& path, std::uint64_t& size) {
  UniqueFd fd = dir.open_in_root(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat st{};
  if (::fstat(fd.get(), &st) < 0) throw Error::from_errno(cat("stat ", quoted(path)));
  if (!S_ISREG(st.st_mode)) throw Error(Errc::invalid, cat(quoted(path), " in the layout is not a regular file"));
  size = static_cast<std::uint64_t>(st.st_size);
  return fd;
}

std::string read_document(const DirFd& dir, const std::string& path) {
  std::uint64_t size = 0;
  return read_all(open_regular(dir, path, size).get(), path, kMaxDocument);
}

std::string blob_path(const std::string& digest) {
  oci::check_digest_syntax(digest);
  const auto colon = digest.find(':');
  return cat("blobs/", digest.substr(0, colon), "/", digest.substr(colon + 1));
}

constexpr const char* kPlainVersion = "version";
constexpr const char* kPlainManifest = "manifest.json";

// What no index says of it: its own word, else what it looks like.
std::string type_of_manifest(std::string_view bytes) {
  const json::Value value = json::parse(bytes, {.bytes = kMaxDocument});
  const json::Reader in(value, kPlainManifest);
  const std::string own = in.text_or("mediaType", "");
  if (!own.empty()) return own;
  return std::string(in.find("manifests") ? oci::kIndexType : oci::kManifestType);
}

}  // namespace

std::string ref_name(const oci::Descriptor& entry) { return entry_annotation(entry, oci::kRefNameAnnotation); }

const oci::Descriptor& choose_reference(const oci::Index& index, const std::string& name,
                                        const appc::OciPlatform& host) {
  oci::Index left;
  std::vector<const oci::Descriptor*> origin;
  for (const auto& d : index.manifests) {
    if (!oci::is_index_type(d.media_type) && !oci::is_manifest_type(d.media_type)) continue;
    if (name.empty() ? is_attachment(d) : ref_name(d) != name) continue;
    left.manifests.push_back(d);
    origin.push_back(&d);
  }
  if (left.manifests.empty()) {
    if (name.empty()) throw Error(Errc::not_found, "the layout holds no image");
    throw Error(Errc::not_found, cat("the layout holds no image named ", quoted(name), "; ", names_in(index)));
  }
  const bool same =
      std::ranges::all_of(left.manifests, [&](const auto& d) { return d.digest == left.manifests[0].digest; });
  if (same) return *origin[0];
  const bool platforms = std::ranges::all_of(left.manifests, [](const auto& d) { return d.platform.has_value(); });
  if (!platforms) throw Error(Errc::usage, cat("the layout holds several images, name one; ", names_in(index)));
  const oci::Descriptor& chosen = oci::select_platform(left, host);
  return *origin[static_cast<std::size_t>(&chosen - left.manifests.data())];
}

void check_bytes(const oci::Descriptor& what, std::string_view bytes) {
  if (bytes.size() != what.size)
    throw Error(Errc::invalid, cat(quoted(what.digest), " has ", bytes.size(), " bytes instead of ", what.size));
  check_digest(what.digest, bytes);
}

void check_digest(const std::string& digest, std::string_view bytes) {
  if (const std::string found = fetch::digest_like(digest, bytes); found != digest)
    throw Error(Errc::invalid, cat("expected digest ", digest, ", the content has ", found));
}

Layout::Layout(DirFd dir) : dir_(std::move(dir)) {
  const std::string text =
      in_context([] { return std::string("not an OCI layout"); }, [&] { return read_document(dir_, "oci-layout"); });
  const json::Value value = json::parse(text);
  const std::string version = json::Reader(value, "oci-layout").at("imageLayoutVersion").text();
  if (!version.starts_with("1.")) throw Error(Errc::unsupported, cat("OCI layout of version ", quoted(version)));
}

Layout Layout::at(const std::string& path) {
  try {
    return Layout(DirFd::open(path));
  } catch (const Error& e) {
    if (e.cause().find(path) != std::string::npos) throw;
    Error named(e.code(), cat(quoted(path), " is no OCI layout: ", e.cause()));
    throw named.hint(e.remedy());
  }
}

std::optional<Layout> Layout::find_plain(const DirFd& dir) {
  if (dir.exists("oci-layout") || !dir.exists(kPlainVersion) || !dir.exists(kPlainManifest)) return std::nullopt;
  if (!read_document(dir, kPlainVersion).starts_with("Directory Transport Version: 1.")) return std::nullopt;
  return Layout(dir.clone(), read_document(dir, kPlainManifest));
}

// The manifests of a list have a suffix there.
std::string Layout::path_of(const std::string& digest) const {
  if (!manifest_) return blob_path(digest);
  oci::check_digest_syntax(digest);
  if (digest == fetch::digest_like(digest, *manifest_)) return kPlainManifest;
  const std::string name = digest.substr(digest.find(':') + 1), in_list = cat(name, ".", kPlainManifest);
  return dir_.exists(in_list) ? in_list : name;
}

bool Layout::holds(const std::string& digest) const {
  return dir_.find_in_root(path_of(digest), O_PATH | O_NOFOLLOW).has_value();
}

UniqueFd Layout::open_blob(const oci::Descriptor& what) const {
  std::uint64_t size = 0;
  UniqueFd fd = open_regular(dir_, path_of(what.digest), size);
  if (size != what.size)
    throw Error(Errc::invalid, cat("blob ", what.digest, " has ", size, " bytes instead of ", what.size));
  return fd;
}

std::string Layout::read_blob(const oci::Descriptor& what) const {
  if (what.size > kMaxDocument)
    throw Error(Errc::invalid, cat(what.digest, " is larger than ", kMaxDocument, " bytes"));
  std::string bytes = read_all(open_blob(what).get(), what.digest, kMaxDocument);
  check_bytes(what, bytes);
  return bytes;
}

std::string Layout::read_manifest(const std::string& digest) const {
  std::string bytes = read_document(dir_, path_of(digest));
  check_digest(digest, bytes);
  return bytes;
}

std::string Layout::index_bytes() const { return read_document(dir_, "index.json"); }
oci::Index Layout::index() const {
  if (!manifest_) return oci::parse_index(index_bytes(), oci::kIndexType);
  oci::Index out;
  out.manifests.push_back({.media_type = type_of_manifest(*manifest_),
                           .digest = fetch::digest_like("sha256:", *manifest_),
                           .size = manifest_->size()});
  return out;
}

LayoutImage Layout::resolve(const std::string& name, const appc::OciPlatform& host) const {
  const oci::Index top = index();
  oci::Descriptor at = choose_reference(top, name, host);
  LayoutImage out;
  out.own_name = own_name(at);
  for (int depth = 0; oci::is_index_type(at.media_type); ++depth) {
    out.digests.push_back(at.digest);
    if (depth == kMaxIndexDepth) throw Error(Errc::invalid, "indexes in the layout are nested too deeply");
    const oci::Index inner = oci::parse_index(read_blob(at), at.media_type);
    at = oci::select_platform(inner, host);
  }
  out.digests.push_back(at.digest);
  out.manifest = read_blob(at);
  out.parsed = oci::parse_manifest(out.manifest, at.media_type);
  oci::check_runnable(out.parsed);
  out.config = read_blob(out.parsed.config);
  out.manifest_digest = at.digest;
  return out;
}

LayoutName layout_name(const std::string& path, const std::string& reference) {
  if (const auto slash = reference.rfind('/'); slash != std::string::npos) {
    const auto colon = reference.find(':', slash);
    if (colon == std::string::npos) return {reference, {}};
    return {reference.substr(0, colon), reference.substr(colon + 1)};
  }
  std::string base = path;
  while (base.size() > 1 && base.ends_with('/')) base.pop_back();
  if (base.ends_with("/.") || base.ends_with("/.."))
    if (const std::unique_ptr<char, decltype(&::free)> real(::realpath(base.c_str(), nullptr), &::free); real)
      base = real.get();
  base = base.substr(base.rfind('/') + 1);
  for (const std::string_view suffix : {".gz", ".xz", ".zst", ".bz2", ".tgz", ".tar", ".oci"})
    if (base.ends_with(suffix) && base.size() > suffix.size()) base.resize(base.size() - suffix.size());
  return {base, reference};
}

}  // namespace rkt::image
