// SPDX-License-Identifier: Apache-2.0
#include "cmd/image_removal.h"

#include "base/error.h"
#include "base/strings.h"

namespace rkt::cmd {

void remove_images(cli::Env& env, store::Store& store, const std::vector<store::ImageRecord>& images) {
  std::size_t done = 0;
  for (const auto& image : images) {
    try {
      store.remove(image.key);
      ++done;
      env.out(cat("successfully removed aci for image: ", quoted(image.key), "\n"));
    } catch (const Error& e) {
      env.err(cat("error removing aci for image ", quoted(image.key), " (", quoted(image.name), "): ", e.brief()));
    }
  }
  if (done > 0) env.err(cat(done, " image(s) successfully removed"));
  if (done == images.size()) return;
  env.err(cat(images.size() - done, " image(s) cannot be removed"));
  throw Error(Errc::system, "error(s) found while removing images");
}

}  // namespace rkt::cmd
