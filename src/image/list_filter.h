// SPDX-License-Identifier: Apache-2.0
// `rkt image list --filter`: which of the stored images are meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace rkt::image {

/// KEY=VALUE: `id` a beginning of the ID, `name` a shell pattern (fnmatch(3), `*` also matches `/`) of NAME or
/// NAME:VERSION, `label` NAME=VALUE, a label of the manifest.
class ListFilter {
 public:
  /// Throws Errc::usage for what is none.
  static ListFilter parse(std::string_view text);
  bool matches(const store::ImageRecord& image) const;

 private:
  enum class Kind : std::uint8_t { id, name, label };
  Kind kind_ = Kind::name;
  std::string value_, label_;
};

/// Keeps those that each of the filters matches; of several with one key one has to.
void filter_images(std::vector<store::ImageRecord>& images, const std::vector<std::string>& filters);

}  // namespace rkt::image
