// SPDX-License-Identifier: Apache-2.0
// Reading an OCI image layout (images §9.6): a directory with oci-layout, index.json and blobs/ALG/HEX. The directory
// is named by the caller, everything in it is hostile: files are opened in root, must be regular, and every document is
// checked against the digest and size that named it before it is parsed.
#pragma once

#include <optional>
#include <string>

#include "schema/appc/types.h"
#include "schema/oci/image.h"
#include "sys/dir.h"

namespace rkt::image {

/// The descriptor in index.json for a reference name: the one that carries it; without a name the only one there is, or
/// the one for this platform. Signatures are no images. Throws with the list of names. Pure.
const oci::Descriptor& choose_reference(const oci::Index& index, const std::string& name,
                                        const appc::OciPlatform& host);

struct LayoutImage {
  std::string manifest, config;  ///< bytes, checked
  oci::Manifest parsed;
  std::string manifest_digest;
  std::vector<std::string> digests;  ///< of the documents from what the name named to the manifest
  std::string own_name;              ///< "HOST/NAME:TAG" that the layout has for it, as podman and docker write; or ""
};

/// The name that an entry of index.json carries, or "".
std::string ref_name(const oci::Descriptor& entry);

class Layout {
 public:
  /// Throws Errc::invalid when `dir` is no layout of version 1.
  explicit Layout(DirFd dir);
  /// The directory `path`, which errors name.
  static Layout at(const std::string& path);
  /// What skopeo and podman write as dir:DIRECTORY: a manifest and blobs without an index, one image without a name.
  /// nullopt: `dir` is none.
  static std::optional<Layout> find_plain(const DirFd& dir);
  /// Follows indexes to the manifest of this platform.
  LayoutImage resolve(const std::string& name, const appc::OciPlatform& host) const;
  bool holds(const std::string& digest) const;  ///< foreign layers need not be there
  /// A blob as it lies there: size checked, content not.
  UniqueFd open_blob(const oci::Descriptor& what) const;
  /// A small one, checked.
  std::string read_blob(const oci::Descriptor& what) const;
  /// A manifest or index, of which only the digest is known.
  std::string read_manifest(const std::string& digest) const;
  std::string index_bytes() const;
  oci::Index index() const;

 private:
  Layout(DirFd dir, std::string manifest) : dir_(std::move(dir)), manifest_(std::move(manifest)) {}
  std::string path_of(const std::string& digest) const;
  DirFd dir_;
  std::optional<std::string> manifest_;  // of a plain directory
};

/// Throws Errc::invalid when `bytes` are not what the descriptor names.
void check_bytes(const oci::Descriptor& what, std::string_view bytes);
void check_digest(const std::string& digest, std::string_view bytes);

/// Name and tag under which a layout's image is known: a reference name with a "/" is both (pass LayoutImage::own_name
/// where the caller named none); else the base name of `path` without an archive suffix, and the reference name as the
/// tag.
struct LayoutName {
  std::string name, tag;
};
LayoutName layout_name(const std::string& path, const std::string& reference);

}  // namespace rkt::image
