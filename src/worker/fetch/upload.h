// SPDX-License-Identifier: Apache-2.0
// The push side of the distribution API, version 2: blobs that a repository does not have yet, and manifests.
#pragma once

#include <cstdint>
#include <string>

#include "worker/fetch/registry.h"

namespace rkt::fetch {

struct BlobPush {
  std::string digest;
  std::string from;  ///< a repository of the same registry that may have it already, or ""
  std::uint64_t size = 0;
  int file = -1;  ///< borrowed; the whole of it
};
/// false: nothing was sent, the registry had it, there or in `from`.
bool push_blob(Registry& registry, const Repository& where, const BlobPush& blob);

void push_manifest(Registry& registry, const Repository& where, const std::string& reference,
                   const std::string& media_type, std::string bytes);

/// Where the body of a blob is to be sent, from the Location of an answer at `base`: absolute, or a path. Throws when
/// it leads from https to http. Pure.
std::string upload_url(const std::string& base, const std::string& location);

}  // namespace rkt::fetch
