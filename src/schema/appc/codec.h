// SPDX-License-Identifier: Apache-2.0
// Pieces that image and pod manifests share when they are read and written. Inside of src/schema/appc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/reader.h"
#include "schema/appc/image_manifest.h"

namespace rkt::appc {

/// Throws "ACKind must be set", or that it is not `kind`.
void check_kind(const json::Reader& in, std::string_view kind);
std::string read_version(const json::Reader& in);  ///< acVersion: semver 2.0.0, not 0.0.0
std::string read_identifier(const json::Reader& in);
AcName read_name(const json::Reader& in);
Labels read_labels(const json::Reader& in);                        ///< member "labels", validated
std::vector<Annotation> read_annotations(const json::Reader& in);  ///< member "annotations", validated
std::vector<Isolator> read_isolators(const json::Reader& in);      ///< member "isolators", names only validated
StringPairs read_string_pairs(const json::Reader& in, std::string_view member);

json::Value name_value(const std::string& name, const std::string& value);
json::Array text_array(const std::vector<std::string>& texts);
json::Array labels_json(const Labels& labels);
json::Array annotations_json(const std::vector<Annotation>& annotations);
json::Array isolators_json(const std::vector<Isolator>& isolators);
void add_unless_empty(json::Object& o, std::string name, json::Array array);
void add_pairs(json::Object& o, std::string name,
               const StringPairs& pairs);  ///< sorted by name, as the reference; nothing when empty

template <class Items, class F>
json::Array map_array(const Items& items, F&& one) {
  json::Array out;
  for (const auto& item : items) out.push_back(json::Value(one(item)));
  return out;
}

}  // namespace rkt::appc
