// SPDX-License-Identifier: Apache-2.0
// Trees of an image that is being downloaded: each layer is unpacked as soon as it and those below it are stored.
//
// Only ever a head start: whatever goes wrong here ends it, and render() does the same again and says what is wrong.
// Nothing here waits for a lock.
#pragma once

#include <optional>

#include "image/finder.h"
#include "tree/pipeline.h"
#include "tree/tree.h"

namespace rkt::tree {

/// Dropped: workers are killed and what they made is removed; trees that are complete stay, for the next fetch or
/// `image gc`.
class EarlyTrees final : public image::LayerUser {
 public:
  EarlyTrees(store::Store& store, const Options& options) : store_(store), options_(options) {}
  void begin(const store::ImageRecord& image, const oci::Manifest& manifest, const oci::Config& config) override;
  void work_until(int fd) override;
  void end() noexcept override { pipeline_.reset(); }
  /// Once the image is in the index: render_fetched().
  void finish(const store::ImageRecord& image);

 private:
  bool start();
  bool serve();
  void give_up(const Error& why);

  store::Store& store_;
  Options options_;
  std::optional<Pipeline> pipeline_;
};

}  // namespace rkt::tree
