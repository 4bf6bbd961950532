// SPDX-License-Identifier: Apache-2.0
#include "image/list_filter.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "schema/appc/image_manifest.h"

namespace rkt::image {
namespace {

constexpr std::array<std::string_view, 3> kKeys = {"id", "name", "label"};  // in the order of Kind

bool matches_pattern(const std::string& pattern, const std::string& text) {
  return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

}  // namespace

ListFilter ListFilter::parse(std::string_view text) {
  const auto equals = text.find('=');
  const auto key = std::ranges::find(kKeys, text.substr(0, equals));
  if (equals == std::string_view::npos || key == kKeys.end())
    throw Error(Errc::usage, cat("a filter is id=BEGINNING, name=PATTERN or label=NAME=VALUE, not ", quoted(text)));
  ListFilter out;
  out.kind_ = static_cast<Kind>(key - kKeys.begin());
  out.value_ = text.substr(equals + 1);
  if (out.kind_ != Kind::label) return out;
  const auto second = out.value_.find('=');
  if (second == std::string::npos) throw Error(Errc::usage, cat(quoted(text), " does not name a value of the label"));
  out.label_ = out.value_.substr(0, second);
  out.value_.erase(0, second + 1);
  return out;
}

bool ListFilter::matches(const store::ImageRecord& image) const {
  switch (kind_) {
    case Kind::id:
      return image.key.starts_with(value_);
    case Kind::name:
      return matches_pattern(value_, image.name) || matches_pattern(value_, cat(image.name, ":", image.version));
    case Kind::label: {
      const auto labels = appc::parse_image_manifest(image.manifest).labels;
      const std::string* value = appc::find_label(labels, label_);
      return value != nullptr && *value == value_;
    }
  }
  return false;
}

void filter_images(std::vector<store::ImageRecord>& images, const std::vector<std::string>& filters) {
  for (const auto key : kKeys) {
    std::vector<ListFilter> wanted;
    for (const auto& text : filters)
      if (text.starts_with(cat(key, "="))) wanted.push_back(ListFilter::parse(text));
    if (wanted.empty()) continue;
    std::erase_if(images, [&](const store::ImageRecord& image) {
      return std::ranges::none_of(wanted, [&](const ListFilter& f) { return f.matches(image); });
    });
  }
}

}  // namespace rkt::image
