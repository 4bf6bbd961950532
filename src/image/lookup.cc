// SPDX-License-Identifier: Apache-2.0
// IMAGE of the `image` commands: the store only, no default labels, no verification (they show or remove, they do not
// run). Differs from the reference: a URL that an image was fetched from names it, too.
#include "base/error.h"
#include "base/strings.h"
#include "image/finder.h"
#include "image/stored_reference.h"

namespace rkt::image {
namespace {

constexpr std::string_view kDocker = "docker://";

std::string labels_text(const std::map<std::string, std::string>& labels) {
  std::string out = "[";
  for (const auto& [name, value] : labels)
    out += cat(out.size() > 1 ? " " : "", "{", quoted(name), " ", quoted(value), "}");
  return out + "]";
}

// What was fetched from there; a reference of Docker's also by its other spellings.
store::ImageRecord fetched_from(const store::Store& store, const std::string& url) {
  if (const auto row = store.find_remote(url))
    if (auto found = store.find(row->key)) return std::move(*found);
  if (url.starts_with(kDocker)) {
    const config::Config no_logins;
    RegistryDirectory registries(no_logins);
    if (auto found = find_stored_reference(store, registries, url.substr(kDocker.size()))) return std::move(*found);
  }
  throw Error(Errc::not_found, cat("image ", quoted(url), " is not in the store"));
}

store::ImageRecord look_up(const store::Store& store, const std::string& argument) {
  if (appc::ImageId::parse(argument)) {
    const std::string key = store.resolve_id(argument);
    if (auto found = store.find(key)) return std::move(*found);
    throw Error(Errc::not_found, "no image IDs found");
  }
  if (argument.find("://") != std::string::npos) return fetched_from(store, argument);
  const auto app = appc::AppString::parse(argument);
  if (auto found = store.find(app.name, app.labels)) return std::move(*found);
  throw not_in_store(app);
}

}  // namespace

Error not_in_store(const appc::AppString& app) {
  return {Errc::not_found, cat("cannot find aci satisfying name: ", quoted(app.name),
                               " and labels: ", labels_text(app.labels), " in the local store")};
}

store::ImageRecord lookup(const store::Store& store, const std::string& argument) {
  for (;;) {
    store::ImageRecord image = look_up(store, argument);
    store.hold_image(image.key);
    if (store.has(image.key)) return image;  // else it was collected in between
  }
}

}  // namespace rkt::image
