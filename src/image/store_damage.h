// SPDX-License-Identifier: Apache-2.0
// Whether what is stored is still what was stored: blobs against their names, rows against their blobs. The bytes are
// hashed and taken apart by the unpack worker; documents are parsed here only after their digest was found right.
#pragma once

#include <optional>
#include <string>

#include "store/store.h"

namespace rkt::image {

/// An ACI is named by its archive, a layer or document by its bytes; of either the name may begin with "sha512-".
enum class NamedBy : std::uint8_t { archive, bytes, either };
constexpr NamedBy named_by(store::ImageKind kind) {
  return kind == store::ImageKind::aci ? NamedBy::archive : NamedBy::bytes;
}
/// nullopt: the blob holds what its name says. Otherwise what is wrong: "missing", "has digest …".
std::optional<std::string> blob_damage(const store::Store& store, const std::string& name, NamedBy by);

/// nullopt: the row follows from its blobs, which are not damaged. Otherwise what does not.
std::optional<std::string> row_damage(const store::Store& store, const store::ImageRecord& row);

/// The row as it follows from its blobs: times, `latest`, `signed_by` and sizes of trees are the row's own. Throws when
/// the blobs do not make an image.
store::ImageRecord row_from_blobs(const store::Store& store, const store::ImageRecord& row);

}  // namespace rkt::image
