// SPDX-License-Identifier: Apache-2.0
#include "cmd/image_removal.h"

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"

namespace rkt::cmd {

void remove_images(cli::Env& env, store::Store& store, const std::vector<store::ImageRecord>& images,
                   std::optional<store::TimePoint> idle_since) {
  std::size_t done = 0, used = 0;
  for (const auto& image : images) {
    try {
      if (idle_since && !store.remove_idle(image.key, *idle_since)) {
        log::debug("image", cat("image ", quoted(image.key), " stays: it is being used"));
        ++used;
        continue;
      }
      if (!idle_since) store.remove(image.key);
      ++done;
      env.report(cat("successfully removed aci for image: ", quoted(image.key), "\n"));
    } catch (const Error& e) {
      env.err(cat("error removing aci for image ", quoted(image.key), " (", quoted(image.name), "): ", e.brief()));
    }
  }
  if (done > 0) env.err(cat(done, " image(s) successfully removed"));
  const std::size_t failed = images.size() - done - used;
  if (failed == 0) return;
  env.err(cat(failed, " image(s) cannot be removed"));
  throw Error(Errc::system, "error(s) found while removing images");
}

}  // namespace rkt::cmd
