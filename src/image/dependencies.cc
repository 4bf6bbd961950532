// SPDX-License-Identifier: Apache-2.0
#include "image/dependencies.h"

#include "base/error.h"
#include "base/strings.h"

namespace rkt::image {

// The word may be written with escapes.
bool may_have_dependencies(const store::ImageRecord& image) {
  return image.manifest.find("dependencies") != std::string::npos || image.manifest.find("\\u") != std::string::npos;
}

appc::AppString with_host_labels(appc::AppString app) {
  app.labels.try_emplace("os", appc::host_os());
  app.labels.try_emplace("arch", appc::host_arch());
  appc::Labels labels;
  for (const auto& [name, value] : app.labels) labels.push_back({name, value});
  appc::check_runnable(labels);
  return app;
}

appc::AppString request_of(const appc::Dependency& dependency) {
  appc::AppString app;
  app.name = dependency.image_name;
  for (const auto& label : dependency.labels) app.labels[label.name] = label.value;
  return with_host_labels(std::move(app));
}

void check_dependency(const appc::Dependency& wanted, const store::ImageRecord& found, std::uint64_t file_size) {
  if (wanted.image_id && !found.key.starts_with(wanted.image_id->key()))
    throw Error(Errc::untrusted, cat("dependency ", quoted(wanted.image_name), " must be image ",
                                     wanted.image_id->str(), " but is ", found.key));
  if (wanted.size != 0 && wanted.size != found.size && wanted.size != file_size)
    throw Error(Errc::untrusted, cat("dependency ", quoted(wanted.image_name), " must have ", wanted.size,
                                     " bytes but has ", file_size == 0 ? found.size : file_size));
}

}  // namespace rkt::image
