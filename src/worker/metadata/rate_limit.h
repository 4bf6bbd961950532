// SPDX-License-Identifier: Apache-2.0
// How often one source address may ask: a bucket of tokens for each.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace rkt::metadata {

class RateLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;
  RateLimit(double per_second, double at_once) : per_second_(per_second), at_once_(at_once) {}

  bool allow(const std::string& address, Time now);
  std::size_t remembered() const noexcept { return buckets_.size(); }  ///< addresses; bounded, the idle ones go

 private:
  struct Bucket {
    double tokens = 0;
    Time filled;
  };
  double level(const Bucket& b, Time now) const;
  double per_second_, at_once_;
  std::map<std::string, Bucket> buckets_;
};

}  // namespace rkt::metadata
