// SPDX-License-Identifier: Apache-2.0
// Which images `rkt image gc` removes: a pure decision.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/store.h"

namespace rkt::store {

/// Each rule that is set chooses victims; an image goes when any rule says so.
struct GcRules {
  std::optional<std::chrono::nanoseconds> grace_period;  ///< not used for longer than this
  bool unused = false;                                   ///< no pod refers to it
  std::optional<std::uint64_t> max_size;                 ///< least recently used first, until the store fits
};

struct GcFacts {
  TimePoint now{};
  std::set<std::string> running;     ///< keys of images that running pods use: never removed
  std::set<std::string> referenced;  ///< those that any pod refers to: removed by age alone, as the reference does
  std::map<std::string, std::uint64_t> blob_bytes;  ///< on disk
  std::uint64_t other_bytes = 0;                    ///< what the store holds besides blobs
};

/// Victims, least recently used first.
std::vector<ImageRecord> plan_gc(std::vector<ImageRecord> images, const GcRules& rules, const GcFacts& facts);

}  // namespace rkt::store
