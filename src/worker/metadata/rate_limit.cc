// SPDX-License-Identifier: Apache-2.0
#include "worker/metadata/rate_limit.h"

#include <algorithm>

namespace rkt::metadata {
namespace {
constexpr std::size_t kRemembered = 4096;
}

double RateLimit::level(const Bucket& b, Time now) const {
  return std::min(at_once_, b.tokens + per_second_ * std::chrono::duration<double>(now - b.filled).count());
}

bool RateLimit::allow(const std::string& address, Time now) {
  if (!buckets_.contains(address) && buckets_.size() >= kRemembered) {
    std::erase_if(buckets_, [&](const auto& entry) { return level(entry.second, now) >= at_once_; });
    if (buckets_.size() >= kRemembered) return false;  // thousands of addresses, all of them busy
  }
  const auto [it, fresh] = buckets_.try_emplace(address, Bucket{.tokens = at_once_, .filled = now});
  Bucket& b = it->second;
  b = {.tokens = level(b, now), .filled = now};
  if (b.tokens < 1) return false;
  b.tokens -= 1;
  return true;
}

}  // namespace rkt::metadata
