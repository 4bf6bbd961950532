// SPDX-License-Identifier: Apache-2.0
// Several blobs of registries into files, a few at once: resumed, size and digest checked while they stream.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "worker/fetch/protocol.h"
#include "worker/fetch/registry.h"

namespace rkt::fetch {

struct BlobWant {
  Repository where;  ///< no base_url: there is none, only the URLs are asked
  std::string digest;
  std::vector<std::string> urls;             ///< where else to look, in this order, when the registry refuses
  std::uint64_t size = 0;                    ///< 0: unknown
  std::uint64_t max_size = kMaxUnsizedBlob;  ///< of one whose size is unknown
  std::uint64_t resume_from = 0;
  int file = -1;  ///< borrowed, readable and writable
};

inline constexpr std::size_t kParallelBlobs = 3;

/// URLs elsewhere get no credentials; http ones are passed over unless http is allowed, as are those of other schemes.
/// Calls `done(i)` as each is complete and checked. Throws at the first that is not what it had to be; the others stop
/// where they are, to be resumed.
void fetch_blobs(Session& session, Engine& engine, Registry& registry, const std::vector<BlobWant>& wants,
                 const std::function<void(std::size_t)>& done);

}  // namespace rkt::fetch
