// SPDX-License-Identifier: Apache-2.0
#include "store/gc_plan.h"

#include <algorithm>

namespace rkt::store {
namespace {

// What the store holds while images go one after the other. A blob goes with the last image that names it.
class Size {
 public:
  Size(const std::vector<ImageRecord>& images, const GcFacts& facts) : facts_(facts), bytes_(facts.other_bytes) {
    for (const auto& image : images)
      for (const auto& blob : distinct(image))
        if (users_[blob]++ == 0) bytes_ += bytes_of(blob);
  }
  void remove(const ImageRecord& image) {
    for (const auto& blob : distinct(image))
      if (--users_[blob] == 0) bytes_ -= bytes_of(blob);
  }
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  static std::set<std::string> distinct(const ImageRecord& image) { return {image.blobs.begin(), image.blobs.end()}; }
  std::uint64_t bytes_of(const std::string& blob) const {
    const auto it = facts_.blob_bytes.find(blob);
    return it == facts_.blob_bytes.end() ? 0 : it->second;
  }

  const GcFacts& facts_;
  std::map<std::string, std::size_t> users_;
  std::uint64_t bytes_;
};

}  // namespace

std::vector<ImageRecord> plan_gc(std::vector<ImageRecord> images, const GcRules& rules, const GcFacts& facts) {
  std::ranges::stable_sort(images, {}, &ImageRecord::last_used);
  Size size(images, facts);
  std::vector<ImageRecord> victims, rest;
  for (auto& image : images) {
    const bool referenced = facts.referenced.contains(image.key);
    const bool old = rules.grace_period && facts.now - image.last_used > *rules.grace_period;
    const bool goes = !facts.running.contains(image.key) && (old || (rules.unused && !referenced));
    if (goes) size.remove(image);
    (goes ? victims : rest).push_back(std::move(image));
  }
  if (rules.max_size) {
    for (auto& image : rest) {
      if (size.bytes() <= *rules.max_size) break;
      if (facts.referenced.contains(image.key) || facts.running.contains(image.key)) continue;
      size.remove(image);
      victims.push_back(std::move(image));
    }
    std::ranges::stable_sort(victims, {}, &ImageRecord::last_used);
  }
  return victims;
}

}  // namespace rkt::store
