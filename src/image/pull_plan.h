// SPDX-License-Identifier: Apache-2.0
// The pull policy as a pure decision (reference: images §3.3, §3.4): what to do for one remote image, given what the
// store has.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "image/finder.h"

namespace rkt::image {

enum class RemoteKind : std::uint8_t { url, name, docker };

/// How what is stored stands with a command that verifies.
enum class Standing : std::uint8_t {
  accepted,    ///< verified by a key that is trusted for it now, or verification is off
  unverified,  ///< stored with verification off
  revoked      ///< verified once, but the key no longer counts for it
};

/// What the store has for the same URL, name or reference.
struct Stored {
  Standing standing = Standing::unverified;
  std::chrono::seconds age{}, max_age{};  ///< of its remote row, by Cache-Control
  bool cacheable = false;                 ///< there is a remote row for it
  bool complete = true;                   ///< none of its blobs is missing
};

enum class PullStep : std::uint8_t {
  use_store,
  refuse_stored,  ///< it is there, but not for this command
  fetch,
  fetch_if_changed,  ///< with the stored ETag
  give_up            ///< not in the store, and the policy allows nothing else
};

PullStep plan_pull(PullPolicy policy, RemoteKind kind, const std::optional<Stored>& stored);

}  // namespace rkt::image
