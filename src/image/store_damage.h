// SPDX-License-Identifier: Apache-2.0
// Whether what is stored is still what was stored: blobs against their names, rows against their blobs. The bytes are
// hashed and taken apart by the unpack worker; documents are parsed here only after their digest was found right.
#pragma once

#include <optional>
#include <string>

#include "store/store.h"

namespace rkt::image {

/// nullopt: the blob holds what its name says. Otherwise what is wrong: "missing", "has digest …".
std::optional<std::string> blob_damage(const store::Store& store, const std::string& name);

/// nullopt: the row follows from its blobs, which are not damaged. Otherwise what does not.
std::optional<std::string> row_damage(const store::Store& store, const store::ImageRecord& row);

/// The row as it follows from its blobs: times, `latest`, `signed_by` and sizes of trees are the row's own. Throws when
/// the blobs do not make an image.
store::ImageRecord row_from_blobs(const store::Store& store, const store::ImageRecord& row);

}  // namespace rkt::image
