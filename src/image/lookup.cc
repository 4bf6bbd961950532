// SPDX-License-Identifier: Apache-2.0
// IMAGE of the `image` commands: the store only, no default labels, no verification (they show or remove, they do not
// run).
#include "base/error.h"
#include "base/strings.h"
#include "image/finder.h"

namespace rkt::image {
namespace {

std::string labels_text(const std::map<std::string, std::string>& labels) {
  std::string out = "[";
  for (const auto& [name, value] : labels)
    out += cat(out.size() > 1 ? " " : "", "{", quoted(name), " ", quoted(value), "}");
  return out + "]";
}

}  // namespace

Error not_in_store(const appc::AppString& app) {
  return {Errc::not_found, cat("cannot find aci satisfying name: ", quoted(app.name),
                               " and labels: ", labels_text(app.labels), " in the local store")};
}

store::ImageRecord lookup(const store::Store& store, const std::string& argument) {
  if (appc::ImageId::parse(argument)) {
    const std::string key = store.resolve_id(argument);
    if (auto found = store.find(key)) return std::move(*found);
    throw Error(Errc::not_found, "no image IDs found");
  }
  const auto app = appc::AppString::parse(argument);
  if (auto found = store.find(app.name, app.labels)) return std::move(*found);
  throw not_in_store(app);
}

}  // namespace rkt::image
