// SPDX-License-Identifier: Apache-2.0
// Reading an OCI image layout (images §9.6): a directory with oci-layout, index.json and blobs/ALG/HEX. The directory
// is named by the caller, everything in it is hostile: files are opened in root, must be regular, and every document is
// checked against the digest and size that named it before it is parsed.
#pragma once

#include <string>

#include "schema/appc/types.h"
#include "schema/oci/image.h"
#include "sys/dir.h"

namespace rkt::image {

/// The descriptor in index.json for a reference name: the one that carries it; without a name the only one there is, or
/// the one for this platform. Throws with the list of names. Pure.
const oci::Descriptor& choose_reference(const oci::Index& index, const std::string& name,
                                        const appc::OciPlatform& host);

struct LayoutImage {
  std::string manifest, config;  ///< bytes, checked
  oci::Manifest parsed;
  std::string manifest_digest;
};

class Layout {
 public:
  /// Throws Errc::invalid when `dir` is no layout of version 1.
  explicit Layout(DirFd dir);
  /// Follows indexes to the manifest of this platform.
  LayoutImage resolve(const std::string& name, const appc::OciPlatform& host) const;
  /// A blob as it lies there: size checked, content not.
  UniqueFd open_blob(const oci::Descriptor& what) const;

 private:
  std::string document(const oci::Descriptor& what) const;
  DirFd dir_;
};

/// Throws Errc::invalid when `bytes` are not what the descriptor names.
void check_bytes(const oci::Descriptor& what, std::string_view bytes);

/// Name and tag under which a layout's image is known: a reference name with a "/" is both; else the base name of
/// `path` without an archive suffix, and the reference name as the tag.
struct LayoutName {
  std::string name, tag;
};
LayoutName layout_name(const std::string& path, const std::string& reference);

}  // namespace rkt::image
